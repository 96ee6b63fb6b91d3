import type { CharacterData } from './build.js';
import type { AuthoredCharacter } from './characterFormat.js';
import { type GiveAway, giveAway } from './giveaway.js';
import {
  NLI_LABELS,
  type NliLabel,
  type NliRow,
  RELEVANCE_LABELS,
  type RelevanceRow,
  SPLITS,
  type SplitName,
} from './rows.js';
import { LexicalIndex } from './similarity.js';
import { nearDuplicateQueries } from './split.js';
import { isUnspaced, words } from './text.js';

export type RelevanceCounts = Record<SplitName, Record<(typeof RELEVANCE_LABELS)[number], number>>;
export type NliCounts = Record<SplitName, Record<NliLabel, number>>;

export interface CharacterStatistics {
  character: string;
  name: string;
  language: string;
  statements: number;
  queries: Record<SplitName | 'dropped', number>;
  /** Mean number of active statements per query. */
  active: number;
  relevance: RelevanceCounts;
  nli: NliCounts;
  /** Mean length of the responses written for each label. */
  length: Record<NliLabel, number>;
  /** Characters in a script without spaces. */
  lengthUnit: 'words' | 'characters';
  /** Mean lexical closeness (TF-IDF cosine) of a response to its target statement: it should not tell the label. */
  closeness: Record<NliLabel, number>;
  /** Pairs of queries with a near-duplicate text, at the threshold the split was made with. */
  nearDuplicates: number;
  giveAway: GiveAway;
}

/** Describes one character's data and the surface cues it holds. */
export function characterStatistics(
  character: AuthoredCharacter,
  data: CharacterData,
  nearDuplicate: number,
): CharacterStatistics {
  const { queries, statements } = character;
  const index = new LexicalIndex(statements.map(({ text }) => text));
  const position = new Map(statements.map(({ id }, i) => [id, i]));
  const perLabel = (measure: (label: NliLabel, i: number) => number): Record<NliLabel, number> =>
    tally(NLI_LABELS, (label) => mean(queries.map((_, i) => measure(label, i))));
  return {
    character: character.id,
    name: character.name,
    language: character.language,
    statements: statements.length,
    queries: {
      train: data.split.train.length,
      'held-out': data.split.heldOut.length,
      dropped: data.split.dropped.length,
    },
    active: mean(queries.map(({ active }) => active.length)),
    ...rowCounts(data),
    length: perLabel((label, i) => words(queries[i]![label].text).length),
    lengthUnit: isUnspaced(statements[0]!.text) ? 'characters' : 'words',
    closeness: perLabel((label, i) => {
      const { active, [label]: response } = queries[i]!;
      return index.scores(response.text)[position.get(active[0]!)!]!;
    }),
    nearDuplicates: nearDuplicateQueries(queries, nearDuplicate).length,
    giveAway: giveAway(queries),
  };
}

/** Rows by split and label. */
export function rowCounts({
  relevance,
  nli,
}: {
  relevance: readonly RelevanceRow[];
  nli: readonly NliRow[];
}): {
  relevance: RelevanceCounts;
  nli: NliCounts;
} {
  return {
    relevance: tally(SPLITS, (split) =>
      countLabels(
        RELEVANCE_LABELS,
        relevance.filter((r) => r.split === split),
      ),
    ),
    nli: tally(SPLITS, (split) =>
      countLabels(
        NLI_LABELS,
        nli.filter((r) => r.split === split),
      ),
    ),
  };
}

function countLabels<L extends string>(
  labels: readonly L[],
  rows: readonly { label: number }[],
): Record<L, number> {
  return tally(labels, (label) => rows.filter((row) => labels[row.label] === label).length);
}

function tally<K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
