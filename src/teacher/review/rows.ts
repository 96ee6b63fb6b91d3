import { createHash } from 'node:crypto';
import {
  defineTable,
  NLI_LABELS,
  type NliRow,
  oneOf,
  RELEVANCE_LABELS,
  type RelevanceRow,
  type RowOf,
  SPLITS,
} from '../../data/index.js';

/** The tables whose labels a person can check. */
export const LABELLED_TABLES = ['relevance', 'nli'] as const;
export type LabelledTable = (typeof LABELLED_TABLES)[number];

/** What the label ids of a table mean. */
export const LABELS_OF: Record<LabelledTable, readonly string[]> = {
  relevance: RELEVANCE_LABELS,
  nli: NLI_LABELS,
};

/**
 * A row for a person to check: all that its table holds of it, so that it can be put back. `why`: drawn as a
 * sample of the data set, or a disagreement of two teachers, which may be in no table. `response` is null
 * for relevance, `secondLabel` where one teacher labelled.
 */
export const reviewTable = defineTable('truecast.review/1', {
  rowId: 'utf8',
  table: oneOf('utf8', ...LABELLED_TABLES),
  why: oneOf('utf8', 'sample', 'disagreement'),
  character: 'utf8',
  name: 'utf8',
  language: 'utf8',
  statementId: 'utf8',
  queryId: 'utf8',
  statement: 'utf8',
  query: 'utf8',
  response: 'utf8?',
  label: oneOf('int8', 0, 1, 2),
  secondLabel: 'int8?',
  split: oneOf('utf8', ...SPLITS),
  origin: 'utf8',
});
export type ReviewRow = RowOf<typeof reviewTable>;

/**
 * What a person did, one line each, in order: appended, never changed. `blind`: the teacher's label had not
 * been in view.
 */
export const decisionsTable = defineTable('truecast.review-decisions/1', {
  rowId: 'utf8',
  action: oneOf('utf8', 'label', 'skip', 'undo'),
  label: 'int8?',
  blind: 'bool',
  at: 'utf8',
});
export type Decision = RowOf<typeof decisionsTable>;

/** Names a row by what it says: the same question has the same id in every build of a data set. */
export function rowId(
  table: LabelledTable,
  row: { character: string; statement: string; query: string; response?: string | null },
): string {
  const content = [table, row.character, row.statement, row.query, row.response ?? null];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}

export function relevanceReviewRow(row: RelevanceRow, second?: number): ReviewRow {
  return reviewRow('relevance', { ...row, response: null }, second);
}

export function nliReviewRow(row: NliRow, second?: number): ReviewRow {
  return reviewRow('nli', row, second);
}

/** @param second another teacher's label: then the row is a disagreement */
function reviewRow(
  table: LabelledTable,
  row: (RelevanceRow | NliRow) & { response: string | null },
  second?: number,
): ReviewRow {
  return {
    rowId: rowId(table, row),
    table,
    why: second === undefined ? 'sample' : 'disagreement',
    ...row,
    secondLabel: second ?? null,
  };
}
