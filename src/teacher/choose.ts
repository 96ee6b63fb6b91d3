import { bitsAt, randomKey } from '../support/random.js';

/** A thing to choose, with a key of its own words (see `textKey`). */
export interface Choice {
  key: number;
}

export const textKey = (text: string): number => randomKey(text);

/**
 * The `n` that come first in an order of one's own: that of a hash of `of` and of each one's words. So the
 * choice depends on what there is, not on its order, and another candidate changes few choices.
 */
export function choose<T extends Choice>(of: number, candidates: readonly T[], n: number): T[] {
  return candidates
    .map((candidate) => ({ candidate, rank: bitsAt(of, candidate.key) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, n)
    .map(({ candidate }) => candidate);
}
