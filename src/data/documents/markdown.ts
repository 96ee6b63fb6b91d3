import { Blocks, type Reduced, rowText, withoutEntities } from './blocks.js';

/**
 * Markdown (CommonMark with tables) as plain text: headings become sections, links their words, tables a line
 * for each row, emphasis and HTML tags nothing. Blocks of code and pictures are left out, and counted.
 */
export function readMarkdown(text: string): Reduced {
  const blocks = new Blocks();
  const lines = text.split(/\r\n?|\n/);
  let name: string | undefined;
  let fence: string | undefined;
  let comment = false;
  let header: string[] | undefined;
  let code = 0;
  let pictures = 0;
  const first = frontMatter(lines, blocks);

  const heading = (level: number, words: string) => {
    if (level === 1) name ??= words;
    blocks.heading(level, words);
  };

  for (let i = first; i < lines.length; i++) {
    let line = lines[i]!.trim();
    const [, mark] = /^(`{3,}|~{3,})/.exec(line) ?? [];
    if (fence !== undefined) {
      if (line.startsWith(fence) && /^[`~]+$/.test(line)) fence = undefined;
      continue;
    }
    if (mark !== undefined) {
      fence = mark;
      code++;
      blocks.end();
      continue;
    }
    [line, comment] = withoutComments(line, comment);
    line = line.replace(/^(?:>\s?)+/, '').trim();
    pictures += line.match(/!\[/g)?.length ?? 0;
    const [, marks, title] = /^(#{1,6})\s+(\S.*)$/.exec(line) ?? [];
    if (marks !== undefined) {
      heading(marks.length, inline(title!.replace(/\s#+$/, '')));
    } else if (/^\[[^\]]{1,200}\]:\s*\S/.test(line)) {
      // where a reference leads to is no text
    } else if (isTableRule(line)) {
      // the line before it was the header, which stands in each row now
      continue;
    } else if (line.startsWith('|') || (header && line.includes('|'))) {
      const cells = cellsOf(line);
      if (header === undefined && isTableRule(lines[i + 1]?.trim() ?? '')) header = cells;
      else blocks.add(rowText(header, cells), i + 1, 'table');
      continue;
    } else if (isUnderline(lines[i + 1]) && line !== '' && !/^[-*+]\s/.test(line)) {
      heading(lines[i + 1]!.trim().startsWith('=') ? 1 : 2, inline(line));
      i++;
    } else {
      const isItem = /^(?:[-*+]|\d{1,9}[.)])\s+/.test(line);
      const words = inline(isItem ? line.replace(/^\S+\s+(?:\[[ xX]\]\s+)?/, '') : line);
      blocks.add(isRule(line) ? '' : words, i + 1, isItem ? 'list' : 'text');
    }
    header = undefined;
  }
  blocks.end();
  const notes = [
    ...(code > 0 ? [`blocks of code that were left out: ${code}`] : []),
    ...(pictures > 0 ? [`pictures, of which the description was kept: ${pictures}`] : []),
    ...(fence === undefined ? [] : ['the last block of code has no end']),
  ];
  return { ...(name === undefined ? {} : { name }), blocks: blocks.blocks, notes };
}

/** Lines `key: value` between two --- at the beginning are text; returns the line after them. */
function frontMatter(lines: readonly string[], blocks: Blocks): number {
  if (lines[0]?.trim() !== '---') return 0;
  const end = lines.slice(1, 200).findIndex((line) => line.trim() === '---') + 1;
  if (end === 0) return 0;
  for (let i = 1; i < end; i++) blocks.add(lines[i]!.trim(), i + 1, 'infobox');
  blocks.end();
  return end + 1;
}

/** The line without what is in HTML comments, and whether one is open at its end. */
function withoutComments(line: string, open: boolean): [string, boolean] {
  let kept = '';
  let rest = line;
  let inside = open;
  while (rest !== '') {
    const at = rest.indexOf(inside ? '-->' : '<!--');
    if (at < 0) break;
    if (!inside) kept += rest.slice(0, at);
    rest = rest.slice(at + (inside ? 3 : 4));
    inside = !inside;
  }
  return [inside ? kept : kept + rest, inside];
}

function isTableRule(line: string): boolean {
  return line.includes('|') && /^[|\s:-]+$/.test(line) && line.includes('-');
}

function isUnderline(line: string | undefined): boolean {
  return line !== undefined && /^\s*(?:={3,}|-{3,})\s*$/.test(line);
}

function isRule(line: string): boolean {
  return /^(?:[-*_]\s*){3,}$/.test(line);
}

function cellsOf(line: string): string[] {
  const cells = line.replace(/\\\|/g, '\uE000').split('|');
  if (cells[0]!.trim() === '') cells.shift();
  if (cells.at(-1)?.trim() === '') cells.pop();
  return cells.map((cell) => inline(cell.replace(/\uE000/g, '|').trim()));
}

/** Words of a line: links, pictures, emphasis, code and tags reduced. */
export function inline(text: string): string {
  const code: string[] = [];
  const words = text
    .replace(
      /(`{1,3})([^`]{1,500})\1/g,
      (_, _ticks, inner: string) => `\uE001${code.push(inner.trim()) - 1}\uE002`,
    )
    .replace(/!?\[([^\][]{0,500})\]\([^()\s]{0,2000}(?:\s+"[^"]{0,200}")?\)/g, '$1')
    // a picture that was a link's text leaves the link
    .replace(/!?\[([^\][]{0,500})\]\([^()\s]{0,2000}(?:\s+"[^"]{0,200}")?\)/g, '$1')
    .replace(/!?\[([^\][]{1,500})\]\[[^\][]{0,200}\]/g, '$1')
    .replace(/\[\^[^\][]{1,50}\]/g, '')
    .replace(/<(https?:\/\/[^<>\s]{1,2000})>/g, '$1')
    .replace(/<\/?[a-zA-Z][^<>]{0,300}>/g, '')
    .replace(/\*\*|__|~~/g, '')
    .replace(/(^|[\s(“"'])[*_](?=\S)([^*_]{1,500})[*_](?=[\s).,;:!?”"']|$)/g, '$1$2')
    .replace(/\\([\\`*_{}[\]()#+.!|>~-])/g, '$1')
    .replace(/\uE001(\d+)\uE002/g, (_, i: string) => code[Number(i)] ?? '');
  return withoutEntities(words).replace(/\s+/g, ' ').trim();
}
