import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonl } from '../../data/index.js';
import { TruecastError } from '../../support/errors.js';
import { appendLine, dropHalfLine } from '../../support/files.js';
import { type Decision, decisionsTable, LABELS_OF, type ReviewRow, reviewTable } from './rows.js';

/** What a data set's folder holds for a person: the rows set aside, and what the person said of them. */
export const REVIEW_FILE = 'review.jsonl';
export const DECISIONS_FILE = 'review.decisions.jsonl';

export interface ReviewState {
  rows: ReviewRow[];
  /** The standing decision on a row; none where it was undone or there never was one. */
  standing: Map<string, Decision>;
  /** Decisions that stand, oldest first: what undo takes back. */
  history: Decision[];
  /** Rows that a person once decided on, and so has seen the teacher's label of, even if it was undone. */
  revealed: Set<string>;
  /** Standing decisions on rows that are not set aside any more: kept in the file, counted, not used. */
  stale: number;
}

/** Reads what a person has said so far. Changes nothing. */
export function readReview(folder: string): ReviewState {
  const path = join(folder, REVIEW_FILE);
  if (!existsSync(path)) {
    throw new TruecastError(
      `no rows are set aside in ${folder}: it holds no ${REVIEW_FILE}`,
      'set some aside with --share (0.05 is one in twenty), or build the data set with reviewShare',
    );
  }
  const rows = readJsonl(path, reviewTable);
  const byId = new Map(rows.map((row) => [row.rowId, row]));
  if (byId.size < rows.length)
    throw new TruecastError(`${path}: a rowId occurs twice`, 'set the rows aside anew');
  const decisionsPath = join(folder, DECISIONS_FILE);
  const log = existsSync(decisionsPath) ? readJsonl(decisionsPath, decisionsTable) : [];
  const state: ReviewState = { rows, standing: new Map(), history: [], revealed: new Set(), stale: 0 };
  const away = new Set<string>();
  log.forEach((decision, i) => {
    const row = byId.get(decision.rowId);
    if (row === undefined) {
      if (decision.action === 'undo') away.delete(decision.rowId);
      else away.add(decision.rowId);
      return;
    }
    if (decision.action === 'label' && LABELS_OF[row.table][decision.label ?? -1] === undefined) {
      throw new TruecastError(
        `${decisionsPath}: decision ${i + 1} has the label ${decision.label}, which ${row.table} has not`,
        'take the line out',
      );
    }
    apply(state, decision);
  });
  state.stale = away.size;
  return state;
}

function apply({ standing, history, revealed }: ReviewState, decision: Decision): void {
  const before = history.findIndex(({ rowId }) => rowId === decision.rowId);
  if (before >= 0) history.splice(before, 1);
  if (decision.action === 'undo') {
    standing.delete(decision.rowId);
    return;
  }
  standing.set(decision.rowId, decision);
  history.push(decision);
  if (decision.action === 'label') revealed.add(decision.rowId);
}

export interface SessionOptions {
  /** The teacher's label is in view from the start. */
  showLabel: boolean;
  now?: () => Date;
}

/** A person going through the rows; every step is in the file before it counts. */
export class ReviewSession {
  readonly state: ReviewState;
  private readonly path: string;
  private readonly now: () => Date;
  /** Skipped rows come again, in the next session. */
  private readonly skipped = new Set<string>();

  constructor(
    folder: string,
    readonly options: SessionOptions,
  ) {
    this.path = join(folder, DECISIONS_FILE);
    this.now = options.now ?? (() => new Date());
    dropHalfLine(this.path);
    this.state = readReview(folder);
  }

  /** The next row without a decision, then those that an earlier session skipped. */
  get current(): ReviewRow | undefined {
    const { rows, standing } = this.state;
    return (
      rows.find(({ rowId }) => !standing.has(rowId)) ??
      rows.find(({ rowId }) => standing.get(rowId)!.action === 'skip' && !this.skipped.has(rowId))
    );
  }

  get last(): { row: ReviewRow; decision: Decision } | undefined {
    const decision = this.state.history.at(-1);
    const row = this.state.rows.find(({ rowId }) => rowId === decision?.rowId);
    return decision && row ? { row, decision } : undefined;
  }

  label(label: number): void {
    this.record('label', this.current, label);
  }

  skip(): void {
    const row = this.current;
    this.record('skip', row);
    if (row) this.skipped.add(row.rowId);
  }

  /** Takes the last decision back, of an earlier session too; its row is the current one again. */
  undo(): boolean {
    const { last } = this;
    if (last) this.record('undo', last.row);
    if (last) this.skipped.delete(last.row.rowId);
    return last !== undefined;
  }

  private record(action: Decision['action'], row: ReviewRow | undefined, label: number | null = null): void {
    if (row === undefined) return;
    const blind = !this.options.showLabel && !this.state.revealed.has(row.rowId);
    const decision: Decision = { rowId: row.rowId, action, label, blind, at: this.now().toISOString() };
    appendLine(this.path, JSON.stringify(decision));
    apply(this.state, decision);
  }
}
