/** How text takes place on a terminal, counted in columns. */

/** Ranges of East Asian Wide and Fullwidth (Unicode Standard Annex 11), blocks rounded to their ends. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18aff],
  [0x1aff0, 0x1b2ff],
  [0x20000, 0x3fffd],
];
const EMOJI = /^\p{Emoji_Presentation}|^\p{Emoji}\uFE0F/u;
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Text that cannot steer a terminal: control and direction characters become visible marks. */
export function harmless(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, (mark) =>
      mark === '\n' ? mark : mark === '\t' ? ' ' : '\uFFFD',
    );
}

/** Columns that a text without line breaks takes. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  if (EMOJI.test(grapheme)) return 2;
  const code = grapheme.codePointAt(0)!;
  return WIDE.some(([begin, end]) => code >= begin && code <= end) ? 2 : 1;
}

/** What may not begin a line: it stays with the character before it. */
const CLOSING = /^[\p{Pe}\p{Pf}、。，．：；！？!?,.:;…ー々ゝゞぁぃぅぇぉっゃゅょァィゥェォッャュョ]/u;
/** What may not end a line. */
const OPENING = /[\p{Ps}\p{Pi}]$/u;

/**
 * Breaks a text into lines of at most `columns`: at white space, and between characters of scripts that need
 * none; a word that is longer than a line is cut. Nothing of the text is lost but white space at breaks.
 */
export function wrapText(text: string, columns: number): string[] {
  const room = Math.max(2, columns);
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    let width = 0;
    for (const piece of units(paragraph).flatMap((unit) => cut(unit, room))) {
      if (line !== '' && width + textWidth(piece.trimEnd()) > room) {
        lines.push(line.trimEnd());
        line = '';
        width = 0;
      }
      line += piece;
      width += textWidth(piece);
    }
    return [...lines, line.trimEnd()];
  });
}

/** Stretches that stay whole: a word with the white space after it, or a wide character. */
function units(paragraph: string): string[] {
  const found: string[] = [];
  let inWord = false;
  for (const { segment } of graphemes.segment(paragraph)) {
    const last = found.at(-1);
    const space = /^\s+$/u.test(segment);
    const narrow = graphemeWidth(segment) < 2;
    const joins = space || CLOSING.test(segment) || (narrow && inWord) || OPENING.test(last ?? '');
    if (last !== undefined && joins) found[found.length - 1] = last + segment;
    else found.push(segment);
    inWord = narrow && !space;
  }
  return found;
}

/** A unit, in pieces where it is wider than a line. */
function cut(unit: string, room: number): string[] {
  if (textWidth(unit.trimEnd()) <= room) return [unit];
  const pieces = [''];
  for (const { segment } of graphemes.segment(unit)) {
    const last = pieces.at(-1)!;
    if (last !== '' && textWidth(last) + graphemeWidth(segment) > room) pieces.push(segment);
    else pieces[pieces.length - 1] = last + segment;
  }
  return pieces;
}
