import type { DataSet } from './dataSet.js';
import { queryTexts } from './leaks.js';
import { type Split, type SplitOptions, splitByQuery, splitOf } from './split.js';

/**
 * Splits a data set's queries anew, whatever their sides were. Training queries that nearly repeat a held-out one
 * are left out with all their rows, and named in the split.
 */
export function splitDataSet(dataSet: DataSet, options: SplitOptions): { dataSet: DataSet; split: Split } {
  const { character, statements, queries, ...tables } = dataSet;
  const targets = new Map<string, string>();
  for (const { queryId, statementId } of [...(tables.relevance ?? []), ...(tables.nli ?? [])]) {
    if (!targets.has(queryId)) targets.set(queryId, statementId);
  }
  const texts = queryTexts(dataSet);
  const split = splitByQuery(
    {
      id: character.id,
      statements: statements.map(({ statementId }) => statementId),
      queries: queries.map(({ queryId, active }, i) => ({
        ...texts[i]!,
        id: queryId,
        target: active[0] ?? targets.get(queryId) ?? '',
      })),
    },
    options,
    { lastToo: true },
  );
  const sides = splitOf(split);
  const placed = <Row extends { queryId: string; split: unknown }>(rows: readonly Row[]): Row[] =>
    rows.flatMap((row) => {
      const side = sides.get(row.queryId);
      return side === undefined ? [] : [{ ...row, split: side }];
    });
  const { relevance, nli, dialogues } = tables;
  return {
    split,
    dataSet: {
      character,
      statements,
      queries: placed(queries),
      ...(relevance ? { relevance: placed(relevance) } : {}),
      ...(nli ? { nli: placed(nli) } : {}),
      ...(dialogues ? { dialogues: placed(dialogues) } : {}),
    },
  };
}
