import { nearDuplicates } from './similarity.js';

export interface QueryTexts {
  text: string;
  responses: readonly string[];
}

export type TwinText = 'query' | 'response';

/** A training query and a held-out one that say nearly the same: positions in the list. */
export interface Crossing {
  train: number;
  heldOut: number;
  text: TwinText;
  similarity: number;
}

/** A text, and its places in the list of all texts, ascending. */
type Holders = readonly { entry: number; query: number }[];

interface Pair {
  a: Holders;
  b: Holders;
  text: TwinText;
  similarity: number;
}

/**
 * Which queries of a list have texts, or responses, that nearly repeat another's. Equal texts are compared once,
 * whatever their number: a reply such as "I don't know" may stand under thousands of queries.
 */
export class Twins {
  private readonly pairs: Pair[];
  private readonly risky = new Set<number>();

  constructor(queries: readonly QueryTexts[], threshold: number) {
    this.pairs = [
      ...pairsOf(
        'query',
        queries.map(({ text }, query) => ({ query, text })),
        threshold,
      ),
      ...pairsOf(
        'response',
        queries.flatMap(({ responses }, query) => responses.map((text) => ({ query, text }))),
        threshold,
      ),
    ];
    for (const { a, b } of this.pairs) {
      for (const [here, there] of [
        [a, b],
        [b, a],
      ] as const) {
        const first = there[0]!.query;
        const alone = there.every(({ query }) => query === first);
        for (const { query } of here) if (!alone || query !== first) this.risky.add(query);
      }
    }
  }

  /** Whether a query has a near-duplicate among the others. */
  has(query: number): boolean {
    return this.risky.has(query);
  }

  /**
   * The training queries that have a near-duplicate among the held-out ones, each with the first of these: queries'
   * texts come before responses, then the list's order decides.
   */
  across(isHeldOut: (query: number) => boolean): Crossing[] {
    const best = new Map<number, Crossing & { key: readonly number[] }>();
    for (const { a, b, text, similarity } of this.pairs) {
      for (const [here, there] of a === b
        ? [[a, a]]
        : [
            [a, b],
            [b, a],
          ]) {
        const test = there!.find(({ query }) => isHeldOut(query));
        if (test === undefined) continue;
        for (const { entry, query } of here!) {
          if (isHeldOut(query)) continue;
          const kind = text === 'query' ? 0 : 1;
          const key = [kind, Math.min(entry, test.entry), Math.max(entry, test.entry)];
          const before = best.get(query);
          if (before === undefined || precedes(key, before.key))
            best.set(query, { train: query, heldOut: test.query, text, similarity, key });
        }
      }
    }
    return [...best.values()]
      .sort((x, y) => (precedes(x.key, y.key) ? -1 : 1))
      .map(({ key: _, ...crossing }) => crossing);
  }
}

/** Pairs of near-duplicate texts, those of a text that several queries share with itself included. */
function pairsOf(
  text: TwinText,
  entries: readonly { query: number; text: string }[],
  threshold: number,
): Pair[] {
  const holders = new Map<string, { entry: number; query: number }[]>();
  entries.forEach(({ query, text: words }, entry) => {
    const list = holders.get(words);
    if (list === undefined) holders.set(words, [{ entry, query }]);
    else list.push({ entry, query });
  });
  const lists = [...holders.values()];
  const own = lists
    .filter((list) => list.some(({ query }) => query !== list[0]!.query))
    .map((list): Pair => ({ a: list, b: list, text, similarity: 1 }));
  const others = nearDuplicates([...holders.keys()], threshold).map(
    ({ a, b, similarity }): Pair => ({ a: lists[a]!, b: lists[b]!, text, similarity }),
  );
  return [...own, ...others];
}

function precedes(a: readonly number[], b: readonly number[]): boolean {
  const i = a.findIndex((value, at) => value !== b[at]);
  return i !== -1 && a[i]! < b[i]!;
}
