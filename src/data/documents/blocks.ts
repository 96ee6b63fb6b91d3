/** What kind of text a paragraph was made of. */
export type BlockKind = 'text' | 'list' | 'table' | 'infobox' | 'card' | 'lorebook';

/** A paragraph of a document, as plain text. */
export interface Block {
  text: string;
  kind: BlockKind;
  /** Where it begins in the file. */
  line: number;
  /** The headings that it stands below, from the outermost. */
  section?: string;
}

/** What a reader of a format makes of a text. */
export interface Reduced {
  /** The title, where the text has one. */
  name?: string;
  blocks: Block[];
  /** What was left out, for people. */
  notes: string[];
}

/** Gathers paragraphs below their headings. */
export class Blocks {
  readonly blocks: Block[] = [];
  private readonly headings: (string | undefined)[] = [];
  private lines: string[] = [];
  private line = 0;
  private kind: BlockKind = 'text';

  /** A heading of a level from 1. */
  heading(level: number, text: string): void {
    this.end();
    this.headings.length = level - 1;
    this.headings[level - 1] = text;
  }

  /** A line of a paragraph; one of another kind begins another paragraph. */
  add(text: string, line: number, kind: BlockKind = 'text'): void {
    if (text === '' || kind !== this.kind) this.end();
    if (text === '') return;
    if (this.lines.length === 0) this.line = line;
    this.kind = kind;
    this.lines.push(text);
  }

  /** Ends the paragraph. */
  end(): void {
    const text = this.lines.join('\n');
    const section = this.headings.filter((heading) => heading !== undefined).join(' > ');
    if (/[\p{L}\p{N}]/u.test(text))
      this.blocks.push({ text, kind: this.kind, line: this.line, ...(section === '' ? {} : { section }) });
    this.lines = [];
  }
}

/** A table's row as text: `header: cell` pairs where its cells have headers, else the cells alone. */
export function rowText(header: readonly string[] | undefined, cells: readonly string[]): string {
  const paired = header !== undefined && header.length === cells.length;
  return cells
    .map((cell, i) => (paired && header[i] !== '' && cell !== '' ? `${header[i]}: ${cell}` : cell))
    .filter((cell) => cell !== '')
    .join('; ');
}

const ENTITIES: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  thinsp: ' ',
  ensp: ' ',
  emsp: ' ',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  middot: '·',
  deg: '°',
  times: '×',
  minus: '−',
};

/** Character references resolved once; those that are not known stay as they are. */
export function withoutEntities(text: string): string {
  return text.replace(/&(#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z]{2,8});/g, (whole, name: string) => {
    if (!name.startsWith('#')) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : whole;
    const code = /^#[xX]/.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : whole;
  });
}

/** "3 x", "1 x and 2 y": counted things, for notes. */
export function counted(counts: ReadonlyMap<string, number>, most = 8): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, most).map(([name, count]) => (count === 1 ? name : `${name} ×${count}`));
  return [...shown, ...(sorted.length > most ? [`${sorted.length - most} more`] : [])].join(', ');
}
