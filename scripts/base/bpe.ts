/**
 * Trains byte-pair encoding in the style of SentencePiece and Gemma: a space becomes "▁", a word carries the
 * "▁" before it, digits stand alone, and whatever has no token of its own is spelled in bytes (`<0x00>` …).
 *
 * Gemma's tokenizer applies its merges to the whole text, without cutting it into words first. That gives
 * the segmentation learnt here all the same: no merge has "▁" anywhere but in front, none mixes letters with
 * punctuation or digits, so none can reach over the end of a word.
 */

export interface BpeModel {
  /** Single characters, the most frequent first. */
  characters: string[];
  /** In the order in which they apply. */
  merges: [string, string][];
}

export interface BpeOptions {
  /** How many tokens characters and merges may make together. */
  size: number;
  /** Characters that get a token however rare they are. */
  required: Iterable<string>;
  /** Other characters get a token from this count on. */
  minimumCharacterCount: number;
  /** The longest token, in characters: it keeps whole clauses from becoming tokens. */
  longest: number;
}

/** The 256 tokens that spell what no other token covers. */
export const byteTokens: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);

const pieces =
  /▁?\p{Script=Han}+|▁?(?:(?!\p{Script=Han})[\p{L}\p{M}])+(?:['’](?:(?!\p{Script=Han})\p{L})+)*|▁(?=\p{N})|\p{N}|▁?[^\p{L}\p{M}\p{N}▁]|▁/gu;

/** The units within which characters may merge. */
export function splitPieces(text: string): string[] {
  return text.replaceAll(' ', '▁').match(pieces) ?? [];
}

/** Adds the pieces of a text to a table of counts. */
export function countPieces(counts: Map<string, number>, text: string, weight = 1): void {
  for (const piece of splitPieces(text)) counts.set(piece, (counts.get(piece) ?? 0) + weight);
}

export function trainBpe(counts: ReadonlyMap<string, number>, options: BpeOptions): BpeModel {
  const characters = chooseCharacters(counts, options);
  const known = new Set(characters);
  const words: Word[] = [];
  for (const [piece, count] of counts) {
    const symbols = [...piece];
    if (symbols.length > 1 && symbols.every((symbol) => known.has(symbol))) words.push({ symbols, count });
  }
  const pairs = new PairTable(words);
  const merges: [string, string][] = [];
  const tokens = new Set(characters);
  while (tokens.size < options.size) {
    const best = pairs.best(options.longest);
    if (best === undefined) break;
    merges.push(best);
    pairs.merge(best);
    tokens.add(best[0] + best[1]);
  }
  return { characters, merges };
}

interface Word {
  symbols: string[];
  count: number;
}

interface Pair {
  left: string;
  right: string;
  length: number;
  count: number;
  /** Words that hold the pair, or held it once: checked again when it is merged. */
  words: Set<number>;
}

/** How often each pair of neighbours occurs, kept up to date while pairs merge. */
class PairTable {
  private readonly pairs = new Map<string, Pair>();

  constructor(private readonly words: Word[]) {
    for (let index = 0; index < words.length; index++) this.count(index, 1);
  }

  /** The most frequent pair; among equals the first in code unit order, so that every run agrees. */
  best(longest: number): [string, string] | undefined {
    let best: Pair | undefined;
    for (const pair of this.pairs.values()) {
      if (pair.count < 2 || pair.length > longest) continue;
      if (
        best === undefined ||
        pair.count > best.count ||
        (pair.count === best.count && precedes(pair, best))
      )
        best = pair;
    }
    return best && [best.left, best.right];
  }

  merge([left, right]: [string, string]): void {
    const holders = this.pairs.get(keyOf(left, right))?.words ?? [];
    for (const index of [...holders]) {
      const word = this.words[index]!;
      const merged = mergeSymbols(word.symbols, left, right);
      if (merged.length === word.symbols.length) continue;
      this.count(index, -1);
      word.symbols = merged;
      this.count(index, 1);
    }
    this.pairs.delete(keyOf(left, right));
  }

  private count(index: number, sign: 1 | -1): void {
    const { symbols, count } = this.words[index]!;
    for (let i = 1; i < symbols.length; i++) {
      const left = symbols[i - 1]!;
      const right = symbols[i]!;
      const key = keyOf(left, right);
      let pair = this.pairs.get(key);
      if (pair === undefined) {
        const length = [...left].length + [...right].length;
        pair = { left, right, length, count: 0, words: new Set() };
        this.pairs.set(key, pair);
      }
      pair.count += sign * count;
      if (sign > 0) pair.words.add(index);
      else if (pair.count === 0) this.pairs.delete(key);
    }
  }
}

/** A line break is always a piece of its own, so it can part the two sides of a key. */
function keyOf(left: string, right: string): string {
  return `${left}\n${right}`;
}

function precedes(a: Pair, b: Pair): boolean {
  return a.left < b.left || (a.left === b.left && a.right < b.right);
}

function mergeSymbols(symbols: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      merged.push(left + right);
      i++;
    } else {
      merged.push(symbols[i]!);
    }
  }
  return merged;
}

function chooseCharacters(counts: ReadonlyMap<string, number>, options: BpeOptions): string[] {
  const frequency = new Map<string, number>();
  for (const character of options.required) frequency.set(character, 0);
  const required = new Set(frequency.keys());
  for (const [piece, count] of counts)
    for (const character of piece) frequency.set(character, (frequency.get(character) ?? 0) + count);
  return [...frequency]
    .filter(([character, count]) => required.has(character) || count >= options.minimumCharacterCount)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([character]) => character);
}
