import type { NliRow, RelevanceRow } from '../data/index.js';
import { type Agreement, agreement } from '../evaluation/agreement.js';
import {
  LABELS_OF,
  type LabelledTable,
  nliReviewRow,
  type ReviewRow,
  relevanceReviewRow,
} from './review/rows.js';

/**
 * What becomes of a row that two teachers label differently: it keeps the first one's label, is dropped, or
 * is in no table until a person has decided (truecast review).
 */
export const DISAGREEMENT_POLICIES = ['first', 'drop', 'review'] as const;
export type DisagreementPolicy = (typeof DISAGREEMENT_POLICIES)[number];

/** A row with the first teacher's label in it, and the second one's; undefined where that gave none. */
export interface TwiceLabelled<Row> {
  row: Row;
  second: number | undefined;
}

export interface SecondOpinion<Row> {
  /** The rows of the table, in order. */
  kept: Row[];
  /** Rows with two labels, each with both, whatever becomes of them. */
  disagreements: ReviewRow[];
  /** Rows that the second teacher gave no label: kept with the first one's, in no figure. */
  unanswered: number;
  /** Over the rows that both labelled. */
  agreement: Agreement;
  labels: readonly string[];
}

/** Sets two teachers' labels of the same rows against each other. */
export function secondOpinion<Row extends RelevanceRow | NliRow>(
  table: LabelledTable,
  rows: readonly TwiceLabelled<Row>[],
  policy: DisagreementPolicy,
  seed: number,
): SecondOpinion<Row> {
  const labels = LABELS_OF[table];
  const both = rows.flatMap(({ row, second }) => (second === undefined ? [] : [{ row, second }]));
  const disagreements = both
    .filter(({ row, second }) => row.label !== second)
    .map(({ row, second }) =>
      'response' in row ? nliReviewRow(row, second) : relevanceReviewRow(row, second),
    );
  return {
    kept: rows
      .filter(({ row, second }) => policy === 'first' || second === undefined || row.label === second)
      .map(({ row }) => row),
    disagreements,
    unanswered: rows.length - both.length,
    agreement: agreement(
      both.map(({ row }) => row.label),
      both.map(({ second }) => second),
      labels.length,
      { seed },
    ),
    labels,
  };
}
