import { damaged, type Fields, isCount } from './fields.js';

/** Cuts words into the pieces of a vocabulary. */
export interface SubwordModel {
  /** Appends the ids of a word, which is not empty, to `ids`. */
  encode(word: string, ids: number[]): void;
}

/** Ids by piece, as WordPiece's and BPE's `vocab` has them. */
export function readVocabulary(model: Fields): Map<string, number> {
  const vocab = model.object('vocab');
  const ids = new Map<string, number>();
  for (const [piece, id] of Object.entries(model.value('vocab') as object) as [string, unknown][]) {
    checkPiece(piece, vocab.where);
    if (!isCount(id)) return vocab.refuse(`: the id of ${JSON.stringify(piece)} is not a count`);
    ids.set(piece, id);
  }
  return ids;
}

/** @throws TruecastError where a piece has half a surrogate pair, which would match half a character */
export function checkPiece(piece: string, where: string): void {
  if (/[\ud800-\udfff]/.test(piece) && /\p{Surrogate}/u.test(piece))
    throw damaged(`${where}: ${JSON.stringify(piece)} is not Unicode`);
}

/** Ids of the tokens that spell bytes; Gemma 1's lacks one, of a byte that has a piece. */
export function byteTokens(ids: ReadonlyMap<string, number>): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => ids.get(byteToken(byte)));
}

/** Appends the ids of a text's bytes; false, and nothing appended, where the vocabulary lacks one. */
export function spellBytes(text: string, tokens: readonly (number | undefined)[], ids: number[]): boolean {
  const bytes = Array.from(Buffer.from(text), (byte) => tokens[byte]);
  if (bytes.includes(undefined)) return false;
  for (const id of bytes as number[]) ids.push(id);
  return true;
}

/** `<0x0A>` for 10. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}
