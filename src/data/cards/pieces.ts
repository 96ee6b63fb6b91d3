import { isEnded } from '../sentences.js';
import {
  type Attribute,
  blockAttributes,
  hasCalls,
  hasWords,
  isInstruction,
  lineAttribute,
} from './attributes.js';

/** A part of a card's text, with the line that it begins on. */
export type Piece = { line: number } & (
  | { kind: 'sentences'; text: string }
  | ({ kind: 'attribute' } & Attribute)
  /** What somebody says to the character. */
  | { kind: 'query'; text: string }
  | { kind: 'left'; text: string; why: string }
);

const ITEM = /^(?:[-*•·–]|\d{1,3}[.)])\s+/;
const HEADING = /^#{1,6}\s+|^==.*==$|^<\/?[\p{L}_][^<>]{0,80}>$|^\*\*[^*:：]{1,80}\*\*$/u;
const RULE = /^(?:[-*_=~]\s*){3,}$|^<start>$/i;
const DIALOGUE = /^(\{\{user\}\}|<user>|\{\{char\}\}|<bot>|<char>)\s*[:：]\s*(.*)$/i;
/** A longer bracketed block is taken line by line. */
const LONGEST_BLOCK = 20_000;

/**
 * Splits a card's text by its lines: bracketed and W++ blocks and `Key: value` lines into attributes; items
 * below a key or heading are attributes of it; lines of dialogue; the rest are sentences. `resolve` resolves
 * macros, which dialogue is told by before.
 */
export function piecesOf(text: string, resolve: (text: string) => string): Piece[] {
  const lines = text.split(/\r\n?|\n/);
  const blocks = bracketBlocks(lines);
  const pieces: Piece[] = [];
  /** The key that items belong to, and its line as long as none does. */
  let open: { key: string; line: number; used: boolean } | undefined;
  let prose: { text: string; line: number } | undefined;
  const flush = () => {
    if (prose) pieces.push({ kind: 'sentences', ...prose });
    prose = undefined;
  };
  const close = () => {
    if (open && !open.used)
      pieces.push({ kind: 'left', text: open.key, line: open.line, why: 'a heading: nothing is said of it' });
    open = undefined;
  };

  for (let i = 0; i < lines.length; i++) {
    const raw = lines[i]!.trim();
    const line = i + 1;
    const left = (why: string) => pieces.push({ kind: 'left', text: raw, line, why });
    if (raw === '') {
      flush();
      continue;
    }
    const last = blocks.get(i);
    if (last !== undefined || hasCalls(resolve(raw))) {
      flush();
      close();
      const block =
        last === undefined
          ? raw
          : lines
              .slice(i, last + 1)
              .join('\n')
              .trim()
              .slice(1, -1);
      pieces.push(...blockPieces(resolve(block), line));
      i = last ?? i;
      continue;
    }
    const [, speaker, said] = DIALOGUE.exec(raw) ?? [];
    if (RULE.test(raw)) {
      flush();
    } else if (speaker !== undefined) {
      flush();
      if (/user/i.test(speaker) && hasWords(said!))
        pieces.push({ kind: 'query', text: resolve(said!), line });
      else left('a line of dialogue');
    } else if (HEADING.test(raw)) {
      flush();
      close();
      const key = resolve(raw.replace(/^[#=<*/\s]+|[#=>*:：\s]+$/g, ''));
      if (hasWords(key)) open = { key, line, used: false };
    } else {
      const isItem = ITEM.test(raw);
      const plain = resolve(
        raw
          .replace(ITEM, '')
          .replace(/\*\*|__/g, '')
          .trim(),
      );
      const attribute = lineAttribute(plain);
      if (attribute && hasWords(attribute.value)) {
        flush();
        if (!isItem) close();
        if (isInstruction(attribute.key)) left('an instruction to the model');
        else pieces.push({ kind: 'attribute', ...attribute, line });
      } else if (attribute) {
        flush();
        close();
        open = { key: attribute.key, line, used: false };
      } else if (isItem && open) {
        flush();
        open.used = true;
        pieces.push({ kind: 'attribute', key: open.key, value: plain, line });
      } else if (!hasWords(plain)) {
        left('no words');
      } else if (!isItem && isTitle(plain, lines[i + 1])) {
        flush();
        close();
        open = { key: plain, line, used: false };
      } else if (!isItem && prose && !isEnded(prose.text) && /^\p{Ll}/u.test(plain)) {
        prose.text += ` ${plain}`;
      } else {
        flush();
        prose = { text: plain, line };
      }
    }
  }
  flush();
  close();
  return pieces.sort((a, b) => a.line - b.line);
}

/** A few words without an end, above a paragraph: "Early life". */
function isTitle(line: string, next = ''): boolean {
  const words = line.split(/\s+/).length;
  return (
    words <= 4 &&
    line.length <= 40 &&
    !isEnded(line) &&
    /^\p{Lu}/u.test(line) &&
    next.length > 60 &&
    isEnded(next.trim())
  );
}

function blockPieces(inner: string, line: number): Piece[] {
  const { attributes, rest } = blockAttributes(inner);
  return [
    ...attributes.map(
      (attribute): Piece =>
        isInstruction(attribute.key)
          ? { kind: 'left', text: attribute.value, line, why: 'an instruction to the model' }
          : { kind: 'attribute', ...attribute, line },
    ),
    ...rest.map((text): Piece => ({ kind: 'sentences', text, line })),
  ];
}

/** Blocks in brackets that begin with a line and end with one: their last lines by their first. Linear in the text. */
function bracketBlocks(lines: readonly string[]): Map<number, number> {
  const blocks = new Map<number, number>();
  const open: { line: number; at: number; before: number }[] = [];
  let before = 0;
  lines.forEach((line, i) => {
    const end = line.trimEnd().length - 1;
    for (let at = 0; at <= end; at++) {
      if (line[at] === '[') open.push({ line: i, at, before });
      else if (line[at] === ']') {
        const begin = open.pop();
        if (!begin || at !== end || before + at - begin.before > LONGEST_BLOCK) continue;
        const first = lines[begin.line]!;
        if (begin.at !== first.length - first.trimStart().length) continue;
        blocks.set(begin.line, i);
      }
    }
    before += line.length + 1;
  });
  return blocks;
}
