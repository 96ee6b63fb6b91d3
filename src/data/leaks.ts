import type { DataSet } from './dataSet.js';
import { type QueryTexts, Twins } from './twins.js';

/** The texts of each query, in the order of the queries. */
export function queryTexts({
  queries,
  nli = [],
  dialogues = [],
}: Pick<DataSet, 'queries' | 'nli' | 'dialogues'>): QueryTexts[] {
  const responses = new Map(queries.map(({ queryId }) => [queryId, new Set<string>()]));
  for (const { queryId, response } of [...nli, ...dialogues]) responses.get(queryId)?.add(response);
  return queries.map(({ queryId, text }) => ({ text, responses: [...responses.get(queryId)!] }));
}

/**
 * What training has seen of the held-out queries: a query that says the same is a problem, one that says nearly the
 * same, or shares a response, is worth a warning.
 */
export function findLeaks(
  dataSet: Pick<DataSet, 'queries' | 'nli' | 'dialogues'>,
  nearDuplicate: number,
): { problems: string[]; warnings: string[] } {
  const { queries } = dataSet;
  const twins = new Twins(queryTexts(dataSet), nearDuplicate);
  const found = { problems: [] as string[], warnings: [] as string[] };
  for (const { train, heldOut, text, similarity } of twins.across((i) => queries[i]!.split === 'held-out')) {
    const what = text === 'query' ? 'is' : 'has a response that is';
    const alike = similarity < 1 ? `like (${similarity.toFixed(2)})` : 'the same as';
    const line = `query ${queries[train]!.queryId} in training ${what} ${alike} held-out ${queries[heldOut]!.queryId}`;
    if (text === 'query' && similarity === 1) found.problems.push(line);
    else found.warnings.push(line);
  }
  return found;
}
