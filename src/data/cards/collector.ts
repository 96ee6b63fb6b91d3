import { isEnded, sentencesOf } from '../sentences.js';
import { normalise } from '../text.js';
import { hasWords } from './attributes.js';
import type { LoreEntry } from './lorebook.js';
import { type MacroValues, openMacro, resolveMacros } from './macros.js';
import { piecesOf } from './pieces.js';
import { attributeText, clean, ended, fragmentText, names } from './wording.js';

/** Where a statement is from. */
export interface StatementSource {
  /** The key in the card, `description` or `character_book.entries[3]`. */
  field: string;
  /** Its line in that text. */
  line: number;
  /** What became a statement: a sentence as it stands, a fragment, or `key: value`. */
  form: 'sentence' | 'fragment' | 'attribute';
  /** Of a lorebook's entry: when it was to be told. */
  lore?: LoreSource;
}

export type LoreSource = Omit<LoreEntry, 'content' | 'linesBefore' | 'raw'>;

export interface CardStatement {
  text: string;
  source: StatementSource;
}

/** What became no statement, and why. */
export interface LeftOut {
  field: string;
  line: number;
  text: string;
  why: string;
}

/** A text of a card that may say something of the character. */
export interface CardPart {
  field: string;
  text: string;
  /** Whose attributes it lists. */
  subject: string;
  /** What a line that is no sentence is of: `personality`. */
  key?: string;
  lore?: LoreSource;
  linesBefore: number;
}

/** Gathers statements, queries and what is left out, each text once. */
export class Collector {
  readonly statements: CardStatement[] = [];
  readonly queries: string[] = [];
  readonly leftOut: LeftOut[] = [];
  private readonly seen = new Map<string, number>();
  private readonly asked = new Set<string>();

  constructor(
    private readonly macros: MacroValues,
    private readonly language: string,
  ) {}

  leave(left: LeftOut): void {
    this.leftOut.push(left);
  }

  add({ field, text, subject, key, lore, linesBefore }: CardPart): void {
    const put = (statement: string, form: StatementSource['form'], line: number) =>
      this.put(statement, { field, line: line + linesBefore, form, ...(lore ? { lore } : {}) });
    for (const piece of piecesOf(text, (raw) => resolveMacros(raw, this.macros))) {
      const { line } = piece;
      if (piece.kind === 'left') {
        this.leave({ field, line: line + linesBefore, text: piece.text, why: piece.why });
      } else if (piece.kind === 'query') {
        this.ask(piece.text, field, line + linesBefore);
      } else if (piece.kind === 'attribute' && normalise(piece.value) === normalise(subject)) {
        this.leave({ field, line: line + linesBefore, text: piece.value, why: 'says the name alone' });
      } else if (piece.kind === 'attribute') {
        for (const value of sentencesOf(piece.value)) {
          // a whole sentence about the subject needs no key before it
          if (isEnded(value) && names(value, subject)) put(value, 'sentence', line);
          else put(attributeText(subject, piece.key, value, this.language), 'attribute', line);
        }
      } else {
        for (const sentence of sentencesOf(piece.text)) {
          if (isEnded(sentence)) put(sentence, 'sentence', line);
          else if (key !== undefined)
            put(attributeText(subject, key, sentence, this.language), 'attribute', line);
          else if (names(sentence, subject)) put(ended(sentence, this.language), 'sentence', line);
          else put(fragmentText(subject, sentence, this.language), 'fragment', line);
        }
      }
    }
  }

  /** Takes what {{user}} says from example dialogues. */
  dialogue(text: string, field: string): void {
    const rest: string[] = [];
    for (const [i, raw] of text.split(/\r\n?|\n/).entries()) {
      const [, said] = /^\s*(?:\{\{user\}\}|<user>)\s*[:：]\s*(.*)$/i.exec(raw) ?? [];
      if (said !== undefined) this.ask(resolveMacros(said, this.macros), field, i + 1);
      else if (hasWords(raw) && !/^\s*<start>\s*$/i.test(raw)) rest.push(raw);
    }
    if (rest.length > 0)
      this.leave({
        field,
        line: 1,
        text: rest.join('\n'),
        why: 'example dialogue: how the character speaks, not what holds of it',
      });
  }

  private ask(text: string, field: string, line: number): void {
    const query = clean(text);
    const why = unusable(query) ?? (this.asked.has(normalise(query)) ? 'asked before' : undefined);
    if (why !== undefined) this.leave({ field, line, text: query, why });
    else {
      this.asked.add(normalise(query));
      this.queries.push(query);
    }
  }

  private put(text: string, source: StatementSource): void {
    const statement = clean(text);
    const { field, line } = source;
    const key = normalise(statement);
    const before = this.seen.get(key);
    const why = unusable(statement) ?? (before === undefined ? undefined : `repeats statement ${before + 1}`);
    if (why !== undefined) this.leave({ field, line, text: statement, why });
    else {
      this.seen.set(key, this.statements.length);
      this.statements.push({ text: statement, source });
    }
  }
}

function unusable(text: string): string | undefined {
  const macro = openMacro(text);
  if (!hasWords(text)) return 'no words';
  if (macro !== undefined) return `a macro that only a chat resolves: ${macro}`;
  return /\p{Surrogate}/u.test(text) ? 'half a character' : undefined;
}
