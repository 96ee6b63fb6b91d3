import { randomKey, shuffled, uniformAt } from '../support/random.js';
import { NLI_LABELS, type NliLabel, type SplitName } from './rows.js';
import { nearDuplicates } from './similarity.js';

export interface SplitOptions {
  seed: number;
  /** Share of the queries that is held out. */
  heldOutShare: number;
  /** At least this many are held out, where that leaves every target a training query. */
  heldOutMin: number;
  /** Texts with at least this similarity (see `similarity`) are near-duplicates. */
  nearDuplicate: number;
}

/** What a split looks at: a query's texts, as many as there are, and its target, the first active statement. */
export type SplitQuery = { id: string; text: string; active: readonly string[] } & {
  [label in NliLabel]?: { text: string };
};

export interface SplitCharacter<Query extends SplitQuery = SplitQuery> {
  id: string;
  statements: readonly { id: string }[];
  queries: readonly Query[];
}

/** A training query that was left out because a held-out one says nearly the same. */
export interface DroppedQuery {
  queryId: string;
  heldOutId: string;
  /** Which of its texts, and how alike they are. */
  text: 'query' | 'response';
  similarity: number;
}

/** Where each query of a character went; ids in the authored order. */
export interface Split {
  train: string[];
  heldOut: string[];
  dropped: DroppedQuery[];
  /** Statements that no training query has as its target. */
  targetsWithoutTraining: string[];
}

/**
 * Splits by query, so that no query or response is on both sides. Every target keeps a training query:
 * rounds over the targets in a seeded order hold out one query of each until the number is reached, and a
 * target's last one stays. Queries without a near-duplicate go first in each round; where another is held out
 * all the same, its near-duplicates are dropped from training.
 */
export function splitQueries(character: SplitCharacter, options: SplitOptions): Split {
  const { queries } = character;
  const twins = nearDuplicateQueries(queries, options.nearDuplicate);
  const heldOut = chooseHeldOut(character, new Set(twins.flatMap(({ a, b }) => [a.id, b.id])), options);

  const dropped: DroppedQuery[] = [];
  for (const { a, b, text, similarity } of twins) {
    if (heldOut.has(a.id) === heldOut.has(b.id)) continue;
    const [train, test] = heldOut.has(a.id) ? [b, a] : [a, b];
    if (dropped.some(({ queryId }) => queryId === train.id)) continue;
    dropped.push({ queryId: train.id, heldOutId: test.id, text, similarity: round(similarity) });
  }
  const gone = new Set(dropped.map(({ queryId }) => queryId));
  const train = queries.filter(({ id }) => !heldOut.has(id) && !gone.has(id));
  const trained = new Set(train.map(({ active }) => active[0]));
  return {
    train: train.map(({ id }) => id),
    heldOut: queries.filter(({ id }) => heldOut.has(id)).map(({ id }) => id),
    dropped,
    targetsWithoutTraining: character.statements.map(({ id }) => id).filter((id) => !trained.has(id)),
  };
}

/** The side of each query; a dropped one has none. */
export function splitOf(split: Split): Map<string, SplitName> {
  return new Map([
    ...split.train.map((id) => [id, 'train'] as const),
    ...split.heldOut.map((id) => [id, 'held-out'] as const),
  ]);
}

export interface QueryPair {
  a: SplitQuery;
  b: SplitQuery;
  text: 'query' | 'response';
  similarity: number;
}

/** Pairs of queries whose texts, or any two of their responses, are near-duplicates. */
export function nearDuplicateQueries(queries: readonly SplitQuery[], threshold: number): QueryPair[] {
  const pairs = (
    text: QueryPair['text'],
    entries: readonly { query: SplitQuery; text: string }[],
  ): QueryPair[] =>
    nearDuplicates(
      entries.map((entry) => entry.text),
      threshold,
    )
      .map(({ a, b, similarity }) => ({ a: entries[a]!.query, b: entries[b]!.query, text, similarity }))
      .filter(({ a, b }) => a !== b);
  return [
    ...pairs(
      'query',
      queries.map((query) => ({ query, text: query.text })),
    ),
    ...pairs(
      'response',
      queries.flatMap((query) =>
        NLI_LABELS.flatMap((label) => {
          const response = query[label];
          return response === undefined ? [] : [{ query, text: response.text }];
        }),
      ),
    ),
  ];
}

function chooseHeldOut(
  { id, queries }: SplitCharacter,
  avoid: ReadonlySet<string>,
  { seed, heldOutShare, heldOutMin }: SplitOptions,
): Set<string> {
  const byTarget = new Map<string, SplitQuery[]>();
  for (const query of queries) {
    const target = query.active[0]!;
    byTarget.set(target, [...(byTarget.get(target) ?? []), query]);
  }
  const risk = (query: SplitQuery): number => (avoid.has(query.id) ? 1 : 0);
  const draw = (query: SplitQuery): number => uniformAt(randomKey(seed, 'split', id, query.id), 0);
  const targets = shuffled([...byTarget.keys()], randomKey(seed, 'split', id));
  // The last of each target's queries, in this order, is the one that stays in training.
  const candidates = targets.map((target) =>
    byTarget
      .get(target)!
      .sort((a, b) => risk(a) - risk(b) || draw(a) - draw(b))
      .slice(0, -1),
  );
  const rounds = Array.from({ length: Math.max(0, ...candidates.map(({ length }) => length)) }, (_, i) =>
    candidates.flatMap((list) => list.slice(i, i + 1)).sort((a, b) => risk(a) - risk(b)),
  );
  const wanted = Math.max(heldOutMin, Math.round(queries.length * heldOutShare));
  return new Set(
    rounds
      .flat()
      .slice(0, wanted)
      .map((query) => query.id),
  );
}

function round(x: number): number {
  return Math.round(x * 1e4) / 1e4;
}
