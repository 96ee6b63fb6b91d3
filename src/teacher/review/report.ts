import { type Agreement, agreement } from '../../evaluation/agreement.js';
import { wilsonInterval } from '../../support/statistics.js';
import { LABELLED_TABLES, LABELS_OF, type LabelledTable, type ReviewRow } from './rows.js';
import type { ReviewState } from './session.js';

/** A share of rows on which the teacher and the person agree. */
export interface Share {
  correct: number;
  rows: number;
  /** Null without rows. */
  share: number | null;
  /** Wilson's 95 % interval. */
  interval: [low: number, high: number];
}

export interface TableReview {
  table: LabelledTable;
  labels: readonly string[];
  /** The teacher against the person, over the sample that was drawn. */
  accuracy: Share;
  agreement: Agreement;
  /** By the teacher's label: how many of the rows that it gave the label to the person gives it too. */
  byLabel: Record<string, Share>;
  /** Rows that two teachers disagreed on, which no accuracy is taken from: whom the person sided with. */
  disagreements: { rows: number; first: number; second: number; neither: number };
  /** Labels given with the teacher's in view. */
  inView: number;
}

export interface ReviewReport {
  rows: number;
  labelled: number;
  skipped: number;
  left: number;
  /** Decisions on rows that are not set aside any more. */
  stale: number;
  tables: TableReview[];
}

/** What a person's labels say about the teacher's. */
export function reviewReport({ rows, standing, stale }: ReviewState): ReviewReport {
  const decisions = [...standing.values()];
  const labelled = decisions.filter(({ action }) => action === 'label').length;
  const skipped = decisions.length - labelled;
  return {
    rows: rows.length,
    labelled,
    skipped,
    left: rows.length - labelled - skipped,
    stale,
    tables: LABELLED_TABLES.filter((table) => rows.some((row) => row.table === table)).map((table) => {
      const checked = rows.flatMap((row) => {
        const decision = standing.get(row.rowId);
        if (row.table !== table || decision?.action !== 'label') return [];
        return [{ row, person: decision.label!, blind: decision.blind }];
      });
      return tableReview(table, checked);
    }),
  };
}

interface Checked {
  row: ReviewRow;
  person: number;
  blind: boolean;
}

function tableReview(table: LabelledTable, checked: readonly Checked[]): TableReview {
  const labels = LABELS_OF[table];
  const sample = checked.filter(({ row }) => row.why === 'sample');
  const disputed = checked.filter(({ row }) => row.why === 'disagreement');
  const first = disputed.filter(({ row, person }) => row.label === person).length;
  const second = disputed.filter(({ row, person }) => row.secondLabel === person).length;
  return {
    table,
    labels,
    accuracy: shareOf(sample),
    agreement: agreement(
      sample.map(({ row }) => row.label),
      sample.map(({ person }) => person),
      labels.length,
    ),
    byLabel: Object.fromEntries(
      labels.map((name, label) => [name, shareOf(sample.filter(({ row }) => row.label === label))]),
    ),
    disagreements: { rows: disputed.length, first, second, neither: disputed.length - first - second },
    inView: checked.filter(({ blind }) => !blind).length,
  };
}

function shareOf(checked: readonly Checked[]): Share {
  const rows = checked.length;
  const correct = checked.filter(({ row, person }) => row.label === person).length;
  return {
    correct,
    rows,
    share: rows === 0 ? null : correct / rows,
    interval: wilsonInterval(correct, rows),
  };
}
