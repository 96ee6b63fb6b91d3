import type { DataSet } from '../dataSet.js';
import { splitDataSet } from '../resplit.js';
import { NLI_LABELS, type NliRow, type RelevanceRow, type SplitName } from '../rows.js';
import { type Split, type SplitOptions, splitOf } from '../split.js';
import type { Gathered, GatheredRow, QueryEntry } from './gather.js';
import type { Entry } from './registry.js';

type Numbered<E extends Entry> = E & { id: string };

export interface Assembled {
  dataSet: DataSet;
  split: Split;
  /** Whether the split is the sources' own. */
  kept: boolean;
}

/** Problems of a character as a whole, with places. */
export type Report = (place: string, what: string) => void;

/**
 * The tables of one character. The sources' split is kept where they have one with two sides; otherwise the
 * queries are split, and training queries that nearly repeat a held-out one are left out, rows and all.
 */
export function assemble(
  gathered: Gathered,
  identity: DataSet['character'],
  options: SplitOptions,
  report: Report,
): Assembled {
  const statements = gathered.statements.number('s');
  const queries = gathered.queries.number('q');
  const active = new Map(queries.map((query) => [query, activeOf(query, gathered, report)]));
  const target = (query: Numbered<QueryEntry>): string => active.get(query)![0] ?? query.first?.id ?? '';
  const kept = queries.some(({ split }) => split === 'held-out')
    ? keptSplit(statements, queries, target, report)
    : undefined;
  const sides: ReadonlyMap<string, SplitName> = kept
    ? splitOf(kept)
    : new Map(queries.map(({ id }) => [id, 'train']));

  const { id: character, name, language } = identity;
  const common = ({ statement, query }: Pick<GatheredRow, 'statement' | 'query'>) => ({
    character,
    name,
    language,
    statementId: statement.id!,
    queryId: query.id!,
    statement: statement.text,
    query: query.text,
    split: sides.get(query.id!)!,
  });
  const usable = <Row extends { query: QueryEntry }>(rows: Map<string, Row>): Row[] =>
    [...rows.values()].filter(({ query }) => sides.has(query.id!));
  const dataSet: DataSet = {
    character: identity,
    statements: statements.map(({ id, text }) => ({ character, statementId: id, text })),
    queries: queries
      .filter(({ id }) => sides.has(id))
      .map((query) => ({
        character,
        queryId: query.id,
        text: query.text,
        split: sides.get(query.id)!,
        active: active.get(query)!,
        borderline: query.borderline ?? [],
      })),
  };
  if (gathered.relevance !== undefined) {
    dataSet.relevance = usable(gathered.relevance).map((row) => {
      const { statementId, queryId, statement, query, split: side, ...who } = common(row);
      const label = row.label as RelevanceRow['label'];
      const origin =
        known(row, ['active', 'hard', 'random'] as const, report) ?? (label ? 'active' : 'random');
      return { ...who, statementId, queryId, statement, query, label, split: side, origin };
    });
  }
  if (gathered.nli !== undefined) {
    dataSet.nli = usable(gathered.nli).map((row) => {
      const { statementId, queryId, statement, query, split: side, ...who } = common(row);
      const label = row.label as NliRow['label'];
      const derived =
        statementId === target(row.query as Numbered<QueryEntry>)
          ? 'target'
          : NLI_LABELS[label] === 'neutral'
            ? 'cross'
            : 'listed';
      const origin = known(row, ['target', 'listed', 'cross'] as const, report) ?? derived;
      const { response } = row;
      return { ...who, statementId, queryId, statement, query, response, label, split: side, origin };
    });
  }
  if (gathered.dialogues !== undefined) {
    dataSet.dialogues = usable(gathered.dialogues).map(({ query, response }) => ({
      character,
      name,
      language,
      queryId: query.id!,
      query: query.text,
      response,
      split: sides.get(query.id!)!,
    }));
  }
  return kept === undefined
    ? { ...splitDataSet(dataSet, options), kept: false }
    : { dataSet, split: kept, kept: true };
}

/** Ids of the statements that a query is relevant to, the one it first came with first. */
function activeOf(query: QueryEntry, { statements }: Gathered, report: Report): string[] {
  if (query.active !== undefined || query.borderline !== undefined) {
    for (const id of [...(query.active ?? []), ...(query.borderline ?? [])]) {
      if (!statements.has(id)) report(query.place, `there is no statement ${id}`);
    }
    if (query.active !== undefined) return query.active;
  }
  return [...query.relevant].map(({ id }) => id!);
}

function keptSplit(
  statements: readonly Numbered<Entry>[],
  queries: readonly Numbered<QueryEntry>[],
  target: (query: Numbered<QueryEntry>) => string,
  report: Report,
): Split {
  for (const { split, place } of queries) {
    if (split === undefined) report(place, 'the query has no split, but others have');
  }
  const side = (name: string) => queries.filter(({ split }) => split === name);
  const trained = new Set(side('train').map(target));
  return {
    train: side('train').map(({ id }) => id),
    heldOut: side('held-out').map(({ id }) => id),
    dropped: [],
    targetsWithoutTraining: statements.map(({ id }) => id).filter((id) => !trained.has(id)),
  };
}

function known<O extends string>(
  { origin, place }: GatheredRow,
  origins: readonly O[],
  report: Report,
): O | undefined {
  if (origin === undefined) return undefined;
  const found = origins.find((name) => name === origin);
  if (found === undefined)
    report(place, `origin ${origin} is none of ${origins.join(', ')} (--columns origin= ignores the column)`);
  return found;
}
