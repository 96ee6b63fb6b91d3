import { randomKey, shuffled, uniformAt } from '../support/random.js';
import type { AuthoredCharacter, AuthoredQuery } from './characterFormat.js';
import { NLI_LABELS, type SplitName } from './rows.js';
import { nearDuplicates } from './similarity.js';
import { type QueryTexts, Twins, type TwinText } from './twins.js';

export interface SplitOptions {
  seed: number;
  /** Share of the queries that is held out. */
  heldOutShare: number;
  /** At least this many are held out, where that leaves every target a training query. */
  heldOutMin: number;
  /** Texts with at least this similarity (see `similarity`) are near-duplicates. */
  nearDuplicate: number;
}

/** A training query that was left out because a held-out one says nearly the same. */
export interface DroppedQuery {
  queryId: string;
  heldOutId: string;
  /** Which of its texts, and how alike they are. */
  text: TwinText;
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

/** A query as a split sees it: its texts, and the statement it was written for. */
export interface SplittableQuery extends QueryTexts {
  id: string;
  target: string;
}

export interface Splittable {
  id: string;
  /** Ids, in order. */
  statements: readonly string[];
  queries: readonly SplittableQuery[];
}

/** Splits an authored character; see `splitByQuery`. */
export function splitQueries({ id, statements, queries }: AuthoredCharacter, options: SplitOptions): Split {
  return splitByQuery(
    { id, statements: statements.map((statement) => statement.id), queries: queries.map(splittable) },
    options,
  );
}

/**
 * Splits by query, so that no query or response is on both sides. Every target keeps a training query:
 * rounds over the targets in a seeded order hold out one query of each until the number is reached, and a
 * target's last one stays. Queries without a near-duplicate go first in each round; where another is held out
 * all the same, its near-duplicates are dropped from training.
 *
 * With `lastToo`, targets give their last query as well once nothing else is left to hold out: for data whose
 * targets have one query each.
 */
export function splitByQuery(
  subject: Splittable,
  options: SplitOptions,
  { lastToo = false }: { lastToo?: boolean } = {},
): Split {
  const { queries } = subject;
  const twins = new Twins(queries, options.nearDuplicate);
  const heldOut = chooseHeldOut(subject, (i) => twins.has(i), options, lastToo);
  const dropped = twins
    .across((i) => heldOut.has(queries[i]!.id))
    .map(({ train, heldOut: test, text, similarity }) => ({
      queryId: queries[train]!.id,
      heldOutId: queries[test]!.id,
      text,
      similarity: round(similarity),
    }));
  const gone = new Set(dropped.map(({ queryId }) => queryId));
  const train = queries.filter(({ id }) => !heldOut.has(id) && !gone.has(id));
  const trained = new Set(train.map(({ target }) => target));
  return {
    train: train.map(({ id }) => id),
    heldOut: queries.filter(({ id }) => heldOut.has(id)).map(({ id }) => id),
    dropped,
    targetsWithoutTraining: subject.statements.filter((id) => !trained.has(id)),
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
  a: AuthoredQuery;
  b: AuthoredQuery;
  text: TwinText;
  similarity: number;
}

/** Pairs of queries whose texts, or any two of their responses, are near-duplicates. */
export function nearDuplicateQueries(queries: readonly AuthoredQuery[], threshold: number): QueryPair[] {
  const pairs = (
    text: QueryPair['text'],
    entries: readonly { query: AuthoredQuery; text: string }[],
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
      queries.flatMap((query) => NLI_LABELS.map((label) => ({ query, text: query[label].text }))),
    ),
  ];
}

function splittable(query: AuthoredQuery): SplittableQuery {
  const { id, text, active } = query;
  return { id, text, responses: NLI_LABELS.map((label) => query[label].text), target: active[0]! };
}

function chooseHeldOut(
  { id, queries }: Splittable,
  isRisky: (query: number) => boolean,
  { seed, heldOutShare, heldOutMin }: SplitOptions,
  lastToo: boolean,
): Set<string> {
  const byTarget = new Map<string, { id: string; risk: number; draw: number }[]>();
  queries.forEach((query, i) => {
    const entry = {
      id: query.id,
      risk: isRisky(i) ? 1 : 0,
      draw: uniformAt(randomKey(seed, 'split', id, query.id), 0),
    };
    const list = byTarget.get(query.target);
    if (list === undefined) byTarget.set(query.target, [entry]);
    else list.push(entry);
  });
  const targets = shuffled([...byTarget.keys()], randomKey(seed, 'split', id));
  // The last of each target's queries, in this order, is the one that stays in training.
  const ordered = targets.map((target) =>
    byTarget.get(target)!.sort((a, b) => a.risk - b.risk || a.draw - b.draw),
  );
  const candidates = ordered.map((list) => list.slice(0, -1));
  const rounds: string[] = [];
  const longest = candidates.reduce((most, { length }) => Math.max(most, length), 0);
  for (let i = 0; i < longest; i++) {
    const turn = candidates.flatMap((list) => list.slice(i, i + 1)).sort((a, b) => a.risk - b.risk);
    rounds.push(...turn.map((query) => query.id));
  }
  if (lastToo) {
    const last = ordered.map((list) => list.at(-1)!).sort((a, b) => a.risk - b.risk);
    // One query stays in training, whatever was asked for.
    rounds.push(...last.slice(0, -1).map((query) => query.id));
  }
  const wanted = Math.max(heldOutMin, Math.round(queries.length * heldOutShare));
  return new Set(rounds.slice(0, wanted));
}

function round(x: number): number {
  return Math.round(x * 1e4) / 1e4;
}
