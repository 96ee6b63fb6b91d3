import { isUnspaced, ngrams, normalise, scriptStretches, terms } from './text.js';

/** |a ∩ b| / |a ∪ b|; two empty sets are the same, so 1. */
export function jaccard<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number {
  if (a.size === 0 && b.size === 0) return 1;
  let shared = 0;
  for (const item of a) if (b.has(item)) shared++;
  return shared / (a.size + b.size - shared);
}

/**
 * The set of a text's character n-grams after `normalise`: n = 3, spaces included, or 2 within stretches of
 * a script without spaces, where a character carries about as much as two letters.
 */
export function fingerprint(text: string): ReadonlySet<string> {
  const stretches = scriptStretches(normalise(text));
  return new Set(stretches.flatMap((stretch) => ngrams(stretch, isUnspaced(stretch) ? 2 : 3)));
}

/** How alike two texts are written, in [0, 1]: the Jaccard index of their fingerprints. */
export function similarity(a: string, b: string): number {
  return jaccard(fingerprint(a), fingerprint(b));
}

export interface NearDuplicate {
  /** Positions in the list, a before b. */
  a: number;
  b: number;
  similarity: number;
}

/**
 * All pairs of a list whose similarity is at least `threshold`, in the list's order. What two texts share is
 * counted through lists of the texts that have an n-gram: thousands of responses take seconds, not minutes.
 */
export function nearDuplicates(texts: readonly string[], threshold: number): NearDuplicate[] {
  const grams = new Map<string, number>();
  /** Of each n-gram, the texts that have it, and how many of these have had their turn. */
  const holders: number[][] = [];
  const past: number[] = [];
  const prints = texts.map((text, i) =>
    [...fingerprint(text)].map((gram) => {
      const id = grams.get(gram) ?? grams.size;
      if (id === grams.size) {
        grams.set(gram, id);
        holders.push([]);
        past.push(0);
      }
      holders[id]!.push(i);
      return id;
    }),
  );
  const found: NearDuplicate[] = [];
  const shared = new Uint32Array(texts.length);
  prints.forEach((print, a) => {
    shared.fill(0);
    for (const id of print) {
      const list = holders[id]!;
      for (let i = ++past[id]!; i < list.length; i++) shared[list[i]!]!++;
    }
    for (let b = a + 1; b < prints.length; b++) {
      const either = print.length + prints[b]!.length - shared[b]!;
      // as `jaccard` has it: two texts of nothing are the same
      const score = either === 0 ? 1 : shared[b]! / either;
      if (score >= threshold) found.push({ a, b, similarity: score });
    }
  });
  return found;
}

/**
 * Ranks a fixed collection by lexical closeness: cosine of TF-IDF vectors over words and the character
 * trigrams inside them (so that "gardens" finds "gardener"); characters and bigrams in unspaced scripts.
 * A term of every text, such as the character's name, weighs ln(1) = 0.
 */
export class LexicalIndex {
  private readonly weights = new Map<string, number>();
  private readonly vectors: Map<string, number>[];

  constructor(texts: readonly string[]) {
    const frequency = new Map<string, number>();
    for (const text of texts) {
      for (const feature of new Set(features(text))) {
        frequency.set(feature, (frequency.get(feature) ?? 0) + 1);
      }
    }
    for (const [feature, n] of frequency) this.weights.set(feature, Math.log((texts.length + 1) / (n + 1)));
    this.vectors = texts.map((text) => this.vector(text));
  }

  /** Cosines with every text of the collection, in [0, 1]; 0 where nothing is shared. */
  scores(query: string): number[] {
    const vector = this.vector(query);
    return this.vectors.map((other) => {
      let dot = 0;
      for (const [feature, weight] of vector) dot += weight * (other.get(feature) ?? 0);
      return dot;
    });
  }

  /** Indices from the closest to the farthest; equals in the collection's order. */
  rank(query: string): number[] {
    // Rounded, so that the last bit of a sum never decides which row a committed file holds.
    const scores = this.scores(query).map((score) => Math.round(score * 1e9));
    return scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  }

  /** Unit length, or empty where no term is known. */
  private vector(text: string): Map<string, number> {
    const vector = new Map<string, number>();
    for (const feature of features(text)) {
      const weight = this.weights.get(feature);
      if (weight !== undefined && weight > 0) vector.set(feature, (vector.get(feature) ?? 0) + weight);
    }
    const norm = Math.sqrt([...vector.values()].reduce((sum, x) => sum + x * x, 0));
    for (const [feature, weight] of vector) vector.set(feature, weight / norm);
    return vector;
  }
}

function features(text: string): string[] {
  // The bar keeps trigrams apart from words of three letters; it also marks where a word begins and ends.
  return terms(text).flatMap((term) => (isUnspaced(term) ? [term] : [term, ...ngrams(`|${term}|`, 3)]));
}
