import type { CharacterData } from '../data/build.js';
import { tableFiles } from '../data/dataSet.js';
import { NLI_LABELS, type NliRow, RELEVANCE_LABELS, type RelevanceRow, tableBytes } from '../data/index.js';
import { type SplitOptions, splitByQuery, splitOf } from '../data/split.js';
import { splitRecordText } from '../data/splitFile.js';
import { failuresTable } from './failures.js';
import type { Labelled, Pair } from './pipeline.js';

export interface DatasetCharacter {
  id: string;
  name: string;
  language: string;
  about: string;
}

/** The rows of a data set that a teacher labelled, as those of an annotated character are. */
export type LabelledData = CharacterData;

/**
 * Rows from labels. A query's active statements are its target and those that the teacher found relevant to
 * it; nothing is known of the others, so no row is made of them. Of a pair's three responses those make rows
 * whose label is what they were written as; one that entails its target is a dialogue, too.
 */
export function labelledData(
  character: DatasetCharacter,
  { statements, pairs, relevance, nli }: Labelled,
  splitOptions: SplitOptions,
): LabelledData {
  const { id, name, language } = character;
  const statementIds = new Map(statements.map((text, i) => [text, numbered('s', i, statements.length)]));
  const queryIds = new Map(pairs.map((pair, i) => [pair, numbered('q', i, pairs.length)]));
  const relevant = grouped(relevance);
  const judged = grouped(nli);
  const activeOf = (pair: Pair) => [
    pair.statement,
    ...(relevant.get(pair) ?? []).filter(({ label }) => label === 'yes').map(({ statement }) => statement),
  ];

  const split = splitByQuery(
    {
      id,
      statements: statements.map((text) => statementIds.get(text)!),
      queries: pairs.map((pair) => ({
        id: queryIds.get(pair)!,
        text: pair.query,
        target: statementIds.get(pair.statement)!,
        responses: pair.responses ? NLI_LABELS.map((label) => pair.responses![label]) : [],
      })),
    },
    splitOptions,
  );
  const splits = splitOf(split);
  const kept = pairs.flatMap((pair) => {
    const side = splits.get(queryIds.get(pair)!);
    return side === undefined ? [] : [{ pair, side, queryId: queryIds.get(pair)! }];
  });
  const about = { character: id, name, language };

  return {
    split,
    statements: statements.map((text) => ({ character: id, statementId: statementIds.get(text)!, text })),
    queries: kept.map(({ pair, side, queryId }) => ({
      character: id,
      queryId,
      text: pair.query,
      split: side,
      active: activeOf(pair).map((text) => statementIds.get(text)!),
      borderline: [],
    })),
    relevance: kept.flatMap(({ pair, side, queryId }) => {
      const labels = [{ statement: pair.statement, label: 'yes' as const }, ...(relevant.get(pair) ?? [])];
      return labels.map(
        ({ statement, label }): RelevanceRow => ({
          ...about,
          statementId: statementIds.get(statement)!,
          queryId,
          statement,
          query: pair.query,
          label: RELEVANCE_LABELS.indexOf(label) as RelevanceRow['label'],
          split: side,
          origin: label === 'yes' ? 'active' : 'random',
        }),
      );
    }),
    nli: kept.flatMap(({ pair, side, queryId }) => {
      const own = pair.agreed.map((kind) => ({ statement: pair.statement, kind, label: kind }));
      return [...own, ...(judged.get(pair) ?? [])].map(
        ({ statement, kind, label }): NliRow => ({
          ...about,
          statementId: statementIds.get(statement)!,
          queryId,
          statement,
          query: pair.query,
          response: pair.responses![kind],
          label: NLI_LABELS.indexOf(label) as NliRow['label'],
          split: side,
          origin: statement === pair.statement ? 'target' : label === 'neutral' ? 'cross' : 'listed',
        }),
      );
    }),
    dialogues: kept
      .filter(({ pair }) => pair.agreed.includes('entailed'))
      .map(({ pair, side, queryId }) => ({
        ...about,
        queryId,
        query: pair.query,
        response: pair.responses!.entailed,
        split: side,
      })),
  };
}

/** The files of the data set by name; split.json, which makes a folder one, is the last. */
export function datasetFiles(
  character: DatasetCharacter,
  data: LabelledData,
  failures: Labelled['failures'],
  options: object,
): Map<string, Uint8Array> {
  return tableFiles(data)
    .set('failures.arrow', tableBytes(failuresTable, failures))
    .set('split.json', Buffer.from(splitRecordText({ character, lacks: [], options, ...data })));
}

function grouped<T extends { pair: Pair }>(items: readonly T[]): Map<Pair, T[]> {
  const groups = new Map<Pair, T[]>();
  for (const item of items) {
    const group = groups.get(item.pair);
    if (group === undefined) groups.set(item.pair, [item]);
    else group.push(item);
  }
  return groups;
}

/** s01, s02, …, as wide as the largest number. */
function numbered(letter: string, index: number, count: number): string {
  return `${letter}${String(index + 1).padStart(Math.max(2, String(count).length), '0')}`;
}
