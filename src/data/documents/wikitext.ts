import { TruecastError } from '../../support/errors.js';
import { Blocks, counted, type Reduced, rowText, withoutEntities } from './blocks.js';
import { DEEPEST, expandTemplates, INFOBOX } from './templates.js';

/** Sections of addresses and sources: nothing in them is said of the subject. */
const SOURCES =
  /^(references|notes|footnotes|citations|sources|bibliography|further reading|external links|see also|参考文献|参考资料|參考資料|外部链接|外部連結|参见|參見|注释|註釋|脚注|出典|外部リンク|関連項目|注釈)$/i;
/** What such tags hold is for machines, or no text. */
const DROPPED =
  'ref|gallery|math|chem|score|timeline|syntaxhighlight|source|imagemap|templatestyles|graph|mapframe';
const MEDIA =
  /^\s*:?\s*(file|image|media|category|文件|檔案|图像|圖像|分类|分類|ファイル|画像|カテゴリ|datei|kategorie|fichier|catégorie|archivo|categoría)\s*:/i;
const HEADING = /^(={1,6})\s*([^=].*?)\s*=+$/;
/** [[fr:Chat]]: the same page elsewhere. */
const ELSEWHERE = /^[a-z]{2,3}(-[a-z]{2,10})?:/;

/**
 * MediaWiki's text of one page as plain text: infoboxes become lines `key: value`, links their words, tables a
 * line for each row, headings sections. Templates without text, references, pictures, categories and sections
 * of sources are left out, and counted. `line` is where the text begins in its file.
 * @throws TruecastError where it only redirects, or its templates are nested without end
 */
export function readWikitext(source: string, where: string, line = 1): Reduced {
  const redirect = /^\s*#(?:redirect|重定向|転送)\s*:?\s*\[\[([^\]|]{1,200})/i.exec(source);
  if (redirect)
    throw new TruecastError(`${where} only redirects to ${redirect[1]}`, 'save that page instead');
  const blanked = withoutTags(source);
  const { text, dropped } = expandTemplates(blanked, where);
  const blocks = new Blocks();
  const table = new Table(blocks);
  const skipped: string[] = [];
  let skip = 0;
  withoutLinks(text, where)
    .split('\n')
    .forEach((raw, i) => {
      const place = line + i;
      const [, marks, title] = raw.length < 500 ? (HEADING.exec(raw.trim()) ?? []) : [];
      if (marks !== undefined) {
        if (skip > 0 && marks.length > skip) return;
        const words = inlineWiki(title!);
        skip = SOURCES.test(words) ? marks.length : 0;
        if (skip > 0) skipped.push(words);
        else blocks.heading(marks.length, words);
      } else if (skip === 0 && !table.takes(raw, place)) {
        const [, row] = raw.split(INFOBOX);
        const isItem = /^[*#:;]/.test(raw);
        const words = inlineWiki(row ?? raw.replace(/^[*#:;]+\s*/, ''));
        // a line that templates or pictures were all of is no end of a paragraph's list
        if (words !== '' || raw.trim() === '')
          blocks.add(words, place, row !== undefined ? 'infobox' : isItem ? 'list' : 'text');
      }
    });
  blocks.end();
  const notes = [
    ...(dropped.size > 0 ? [`templates without text: ${counted(dropped)}`] : []),
    ...(skipped.length > 0 ? [`sections of sources: ${skipped.join(', ')}`] : []),
  ];
  return { blocks: blocks.blocks, notes };
}

/** Whether a text is written as wikis are: it has at least two of their marks. */
export function isWikitext(text: string): boolean {
  const sample = text.slice(0, 200_000);
  const marks = [
    /\[\[[^\][\n]{1,200}\]\]/,
    /'''[^'\n]/,
    /^==+[^=\n]+==+\s*$/m,
    /\{\{[^{}\n]{1,100}[|}\n]/,
    /^\{\|/m,
  ];
  return marks.filter((mark) => mark.test(sample)).length >= 2;
}

/** Comments, and tags with what they hold, taken out; line breaks in them stay, so that lines keep their numbers. */
function withoutTags(text: string): string {
  const breaks = (removed: string) => '\n'.repeat(removed.split('\n').length - 1);
  const uncommented = between(text, '<!--', '-->', breaks);
  const open = new RegExp(String.raw`<(${DROPPED})\b([^<>]*)>`, 'gi');
  const unclosed = new Set<string>();
  let result = '';
  let at = 0;
  for (let match = open.exec(uncommented); match; match = open.exec(uncommented)) {
    const [tag, name, rest] = match;
    result += uncommented.slice(at, match.index);
    at = match.index + tag.length;
    if (!rest!.endsWith('/')) {
      const close = new RegExp(String.raw`</${name}\s*>`, 'gi');
      close.lastIndex = at;
      const end = unclosed.has(name!) ? null : close.exec(uncommented);
      // one that is never closed holds nothing, and nor do those after it
      if (!end) unclosed.add(name!);
      else {
        result += breaks(uncommented.slice(at, end.index));
        at = end.index + end[0].length;
      }
    }
    open.lastIndex = at;
  }
  return (result + uncommented.slice(at))
    .replace(/<br\s*\/?>/gi, ', ')
    .replace(/<\/?[a-zA-Z][^<>]{0,300}>/g, '');
}

function between(text: string, begin: string, end: string, by: (removed: string) => string): string {
  let result = '';
  let at = 0;
  for (;;) {
    const first = text.indexOf(begin, at);
    if (first < 0) return result + text.slice(at);
    const last = text.indexOf(end, first);
    const after = last < 0 ? text.length : last + end.length;
    result += text.slice(at, first) + by(text.slice(first, after));
    at = after;
  }
}

/** Links as their words; pictures, categories and links to other wikis as nothing. */
function withoutLinks(text: string, where: string): string {
  const open: string[] = [];
  let words = '';
  let at = 0;
  for (const match of text.matchAll(/\[\[|\]\]/g)) {
    words += text.slice(at, match.index);
    at = match.index + 2;
    if (match[0] === '[[') {
      if (open.length >= DEEPEST)
        throw new TruecastError(`${where}: links nested more than ${DEEPEST} deep`, 'save the page as text');
      open.push(words);
      words = '';
    } else {
      const outer = open.pop();
      words = outer === undefined ? `${words}]]` : outer + linkWords(words);
    }
  }
  words += text.slice(at);
  for (const outer of open.reverse()) words = `${outer}[[${words}`;
  return words;
}

function linkWords(inner: string): string {
  const breaks = '\n'.repeat(inner.split('\n').length - 1);
  if (MEDIA.test(inner) && !inner.startsWith(':')) return breaks;
  if (ELSEWHERE.test(inner) && !inner.includes('|')) return breaks;
  const bar = inner.indexOf('|');
  const shown = bar < 0 ? inner.replace(/^:/, '') : inner.slice(bar + 1);
  return shown.trim() === '' ? inner.slice(0, bar).replace(/\s*\([^()]*\)$/, '') : shown;
}

/** Bold, italic, addresses, magic words and character references of a line reduced. */
export function inlineWiki(text: string): string {
  const words = text
    .replace(/'{2,5}/g, '')
    .replace(
      /\[(?:https?:)?\/\/[^\s\][]{1,2000}(?:\s+([^\][]{0,500}))?\]/g,
      (_, words?: string) => words ?? '',
    )
    .replace(/__[A-Z]{3,30}__/g, '');
  return withoutEntities(words)
    .replace(/\(\s*[;,，；]\s*/g, '(')
    .replace(/\(\s*\)|（\s*）/g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ([,.;:!?])(?= |$)/g, '$1')
    .trim();
}

/** A table, line by line: {| … |}, rows after |-, headers after !. */
class Table {
  private depth = 0;
  private header?: string[] | undefined;
  private cells: string[] = [];
  private heads: string[] = [];
  private line = 0;

  constructor(private readonly blocks: Blocks) {}

  takes(raw: string, line: number): boolean {
    const text = raw.trim();
    if (text.startsWith('{|')) {
      if (this.depth++ === 0) this.header = undefined;
      this.blocks.end();
      return true;
    }
    if (this.depth === 0) return false;
    if (text.startsWith('|}')) {
      this.row();
      if (--this.depth === 0) this.blocks.end();
    } else if (text.startsWith('|-')) {
      this.row();
    } else if (text.startsWith('|+')) {
      this.blocks.add(inlineWiki(text.slice(2)), line, 'table');
    } else if (text.startsWith('!')) {
      this.line ||= line;
      for (const cell of text.slice(1).split(/!!|\|\|/)) this.heads.push(inlineWiki(content(cell)));
    } else if (text.startsWith('|')) {
      this.line ||= line;
      for (const cell of text.slice(1).split('||')) this.cells.push(inlineWiki(content(cell)));
    } else if (this.cells.length > 0 && text !== '') {
      this.cells.push(`${this.cells.pop()} ${inlineWiki(text)}`.trim());
    }
    return true;
  }

  private row(): void {
    const { cells, heads } = this;
    if (cells.length === 0 && heads.length > 1) this.header = heads;
    // a row may begin with its own header
    else if (heads.length + cells.length > 0) {
      const all = [...heads, ...cells];
      const text =
        heads.length === 1 && cells.length > 0 && this.header === undefined
          ? `${heads[0]}: ${cells.join('; ')}`
          : rowText(this.header, all);
      if (text !== '') this.blocks.add(text, this.line, 'table');
    }
    this.cells = [];
    this.heads = [];
    this.line = 0;
  }
}

/** A cell without its attributes: `style="…" | words`. */
function content(cell: string): string {
  const bar = cell.indexOf('|');
  const head = cell.slice(0, Math.max(0, bar));
  return head.includes('=') && !/[[{]/.test(head) ? cell.slice(bar + 1) : cell;
}
