import { type Fields, MAX_ID } from './fields.js';
import { Heap } from './heap.js';
import { PairTable } from './pairTable.js';
import { byteTokens, type SubwordModel, spellBytes } from './vocabulary.js';

/** Room for a position in a heap key, below the merge's rank: together within a double's 53 bits. */
const POSITIONS = 2 ** 28;

/**
 * Byte-pair encoding: a word's characters, merged pair by pair, the earliest merge of the list first and of equal
 * ones the leftmost. Characters outside the vocabulary are spelt in bytes where the model has tokens for them.
 */
export class Bpe implements SubwordModel {
  private readonly ranks: PairTable;
  /** Per rank what its pair becomes. */
  private readonly merged: Int32Array;
  private readonly bytes: readonly (number | undefined)[] | undefined;
  private readonly fuseUnknown: boolean;
  private readonly ignoreMerges: boolean;
  private readonly prefix: string;
  private readonly suffix: string;

  constructor(
    model: Fields,
    private readonly ids: ReadonlyMap<string, number>,
    /** Pieces that no text may become: merges that lead there are left out. */
    controls: ReadonlySet<string>,
    private readonly unknown: number | undefined,
  ) {
    this.fuseUnknown = model.boolean('fuse_unk', false);
    this.ignoreMerges = model.boolean('ignore_merges', false);
    this.prefix = model.string('continuing_subword_prefix', '');
    this.suffix = model.string('end_of_word_suffix', '');
    this.bytes = model.boolean('byte_fallback', false) ? byteTokens(ids) : undefined;
    const merges = model.list('merges');
    if (merges.length > MAX_ID) model.refuse(`: has ${merges.length} merges, more than ${MAX_ID}`);
    this.ranks = new PairTable(merges.length);
    this.merged = new Int32Array(merges.length);
    merges.forEach((merge, rank) => {
      const [left, right] = pairOf(merge) ?? model.refuse(`: merge ${rank} is not a pair`);
      const whole = left + right.slice(this.prefix.length);
      const [first, second, result] = [ids.get(left), ids.get(right), ids.get(whole)];
      if (first === undefined || second === undefined || result === undefined) {
        if (controls.has(whole) || controls.has(left) || controls.has(right)) return;
        model.refuse(`: merge ${rank} is of pieces that its vocab does not have`);
      }
      this.ranks.set(first, second, rank);
      this.merged[rank] = result;
    });
  }

  encode(word: string, ids: number[]): void {
    const known = this.ignoreMerges ? this.ids.get(word) : undefined;
    if (known !== undefined) ids.push(known);
    else this.merge(this.characters(word), ids);
  }

  /** A word before any merge. */
  private characters(word: string): number[] {
    const symbols: number[] = [];
    let afterUnknown = false;
    let end = 0;
    for (const character of word) {
      const prefix = end === 0 ? '' : this.prefix;
      end += character.length;
      const piece = prefix + character + (end === word.length ? this.suffix : '');
      const id = this.ids.get(piece);
      if (id !== undefined) symbols.push(id);
      else if (this.bytes && spellBytes(piece, this.bytes, symbols)) continue;
      else if (this.unknown !== undefined && !(afterUnknown && this.fuseUnknown)) symbols.push(this.unknown);
      afterUnknown = id === undefined;
    }
    return symbols;
  }

  private merge(symbols: number[], ids: number[]): void {
    const count = symbols.length;
    const next = Int32Array.from({ length: count }, (_, i) => i + 1);
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    const queue = new Heap();
    const offer = (at: number) => {
      if (at < 0 || next[at]! >= count) return;
      const rank = this.ranks.get(symbols[at]!, symbols[next[at]!]!);
      if (rank >= 0) queue.push(rank * POSITIONS + at);
    };
    for (let i = 0; i < count; i++) offer(i);
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const at = key % POSITIONS;
      const rank = (key - at) / POSITIONS;
      const right = next[at]!;
      // one of the two has been merged since
      if (symbols[at]! < 0 || right >= count || this.ranks.get(symbols[at]!, symbols[right]!) !== rank)
        continue;
      symbols[at] = this.merged[rank]!;
      symbols[right] = -1;
      next[at] = next[right]!;
      if (next[at]! < count) previous[next[at]!] = at;
      offer(previous[at]!);
      offer(at);
    }
    for (const symbol of symbols) if (symbol >= 0) ids.push(symbol);
  }
}

/** The two pieces of a merge: a list of them, or both with a blank between. */
function pairOf(merge: unknown): [string, string] | undefined {
  if (typeof merge === 'string') {
    const blank = merge.indexOf(' ');
    if (blank < 0 || merge.includes(' ', blank + 1)) return undefined;
    return [merge.slice(0, blank), merge.slice(blank + 1)];
  }
  if (!Array.isArray(merge) || merge.length !== 2) return undefined;
  const [left, right] = merge as unknown[];
  return typeof left === 'string' && typeof right === 'string' ? [left, right] : undefined;
}
