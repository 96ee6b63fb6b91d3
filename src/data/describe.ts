import type { DataSet } from './dataSet.js';
import { type GiveAway, giveAwayOf } from './giveaway.js';
import { NLI_LABELS, type NliLabel, SPLITS, type SplitName } from './rows.js';
import { nearDuplicates } from './similarity.js';
import { type NliCounts, type RelevanceCounts, rowCounts } from './statistics.js';
import { isUnspaced, words } from './text.js';

/** A data set in numbers, whatever it was made from. */
export interface DataSetStatistics {
  character: string;
  name: string;
  language: string;
  statements: number;
  queries: Record<SplitName, number>;
  /** Absent where the data set lacks the table. */
  relevance?: RelevanceCounts;
  nli?: NliCounts;
  dialogues?: number;
  /** Mean lengths; responses by their NLI label. */
  length: { statement: number; query: number; response?: Record<NliLabel, number> };
  /** Characters in a script without spaces. */
  lengthUnit: 'words' | 'characters';
  /** Pairs of near-duplicate texts. */
  nearDuplicates: { statements: number; queries: number };
  /** How far a response alone tells its label; for responses to the statement that their query was written for. */
  giveAway?: GiveAway;
}

/** Describes a data set: balance, lengths, repetitions, and words that give a label away. */
export function describeDataSet(dataSet: DataSet, nearDuplicate: number): DataSetStatistics {
  const { character, statements, queries, relevance, nli, dialogues } = dataSet;
  const rows = rowCounts({ relevance: relevance ?? [], nli: nli ?? [] });
  const texts = {
    statements: statements.map(({ text }) => text),
    queries: queries.map(({ text }) => text),
  };
  const targets = nli?.filter(({ origin }) => origin === 'target') ?? [];
  const ofLabel = (label: NliLabel) => targets.filter((row) => NLI_LABELS[row.label] === label);
  return {
    character: character.id,
    name: character.name,
    language: character.language,
    statements: statements.length,
    queries: Object.fromEntries(
      SPLITS.map((side) => [side, queries.filter(({ split }) => split === side).length]),
    ) as Record<SplitName, number>,
    ...(relevance ? { relevance: rows.relevance } : {}),
    ...(nli ? { nli: rows.nli } : {}),
    ...(dialogues ? { dialogues: dialogues.length } : {}),
    length: {
      statement: meanLength(texts.statements),
      query: meanLength(texts.queries),
      ...(targets.length > 0
        ? {
            response: Object.fromEntries(
              NLI_LABELS.map((label) => [label, meanLength(ofLabel(label).map(({ response }) => response))]),
            ) as Record<NliLabel, number>,
          }
        : {}),
    },
    lengthUnit: isUnspaced(texts.statements[0] ?? '') ? 'characters' : 'words',
    nearDuplicates: {
      statements: nearDuplicates(texts.statements, nearDuplicate).length,
      queries: nearDuplicates(texts.queries, nearDuplicate).length,
    },
    ...(targets.length > 0
      ? {
          giveAway: giveAwayOf(
            targets.map(({ response, label, queryId, statementId }) => ({
              text: response,
              label: NLI_LABELS[label],
              query: queryId,
              target: statementId,
            })),
          ),
        }
      : {}),
  };
}

/** Zero where there is nothing to measure. */
function meanLength(texts: readonly string[]): number {
  return texts.length === 0 ? 0 : texts.reduce((sum, text) => sum + words(text).length, 0) / texts.length;
}
