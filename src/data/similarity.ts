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
 * All pairs of a list whose similarity is at least `threshold`, in the list's order. Exact, and far below quadratic
 * time on ordinary text, by prefix filtering (Chaudhuri et al. 2006): two sets with a Jaccard index of t or more
 * share an element among the ⌊(1 − t)·size⌋ + 1 rarest of either; what their prefixes share, and what follows
 * these at most, bounds what they can share at all.
 */
export function nearDuplicates(texts: readonly string[], threshold: number): NearDuplicate[] {
  const sets = numbered(texts.map(fingerprint));
  const size = Int32Array.from(sets, (set) => set.length);
  const prefix = size.map((n) =>
    threshold <= 0 ? n : Math.min(n, Math.floor((1 - threshold) * n + SLACK) + 1),
  );
  const end = prefix.map((n, i) => sets[i]![n - 1]!);
  const holders = new Map<number, number[]>();
  const shared = new Int32Array(texts.length);
  const met = new Int32Array(texts.length);
  const ratio = threshold / (1 + threshold);
  const found: NearDuplicate[] = [];
  for (let b = 0; b < sets.length; b++) {
    const set = sets[b]!;
    let count = 0;
    for (let i = 0; i < prefix[b]!; i++) {
      const list = holders.get(set[i]!);
      if (list === undefined) {
        holders.set(set[i]!, [b]);
        continue;
      }
      for (let k = 0; k < list.length; k++) if (shared[list[k]!]!++ === 0) met[count++] = list[k]!;
      list.push(b);
    }
    const candidates = threshold <= 0 ? b : count;
    for (let k = 0; k < candidates; k++) {
      // every pair counts where nothing need be shared
      const a = threshold <= 0 ? k : met[k]!;
      const rest = end[a]! < end[b]! ? size[a]! - prefix[a]! : size[b]! - prefix[b]!;
      if (shared[a]! + rest < ratio * (size[a]! + size[b]!) - SLACK) continue;
      const both = common(sets[a]!, set);
      const similarity = both / (size[a]! + size[b]! - both);
      if (similarity >= threshold) found.push({ a, b, similarity });
    }
    for (let k = 0; k < count; k++) shared[met[k]!] = 0;
  }
  return found.sort((x, y) => x.a - y.a || x.b - y.b);
}

/** Keeps rounding from ever cutting a prefix, or a bound, short. */
const SLACK = 1e-9;

/**
 * Each set's elements as numbers, ascending; the fewer sets hold an element, the smaller its number. An empty set
 * gets the element −1, so that it is like other empty ones, and like nothing else.
 */
function numbered(prints: readonly ReadonlySet<string>[]): Int32Array[] {
  const counts = new Map<string, number>();
  for (const print of prints) for (const gram of print) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  const order = [...counts].sort(([a, n], [b, m]) => n - m || (a < b ? -1 : 1));
  const rank = new Map(order.map(([gram], i) => [gram, i]));
  return prints.map((print) =>
    print.size === 0 ? Int32Array.of(-1) : Int32Array.from(print, (gram) => rank.get(gram)!).sort(),
  );
}

/** How many elements two ascending lists share. */
function common(a: Int32Array, b: Int32Array): number {
  let both = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [x, y] = [a[i]!, b[j]!];
    if (x === y) both++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  return both;
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
