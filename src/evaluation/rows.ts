import type { ScoredResponse } from '../apc/score.js';
import { defineTable, type RowOf } from '../data/index.js';

/** Every judged reply of an evaluation: what its tables are computed from. */
export const repliesTable = defineTable('truecast.replies/1', {
  method: 'utf8',
  /** Whether the adapter that DPO trained was on. */
  dpo: 'bool',
  queryId: 'utf8',
  /** Which of the query's replies. */
  sample: 'int32',
  query: 'utf8',
  response: 'utf8',
  apc: 'float64',
  delta: 'float64',
  active: 'float64',
  passive: 'float64',
  violations: 'int32',
  tokens: 'int32',
  /** Ended by itself, not by the length limit. */
  stopped: 'bool',
  /** Per statement, in the persona's order. */
  relevance: 'float64[]',
  contradicted: 'float64[]',
  entailed: 'float64[]',
});
export type ReplyRow = RowOf<typeof repliesTable>;

/** The row of a scored reply. `played` says how it came about. */
export function replyRow(
  { query, response, apc, delta, active, passive, violations, ledger }: ScoredResponse,
  played: Pick<ReplyRow, 'method' | 'dpo' | 'queryId' | 'sample' | 'tokens' | 'stopped'>,
): ReplyRow {
  return {
    ...played,
    query,
    response,
    apc,
    delta,
    active,
    passive,
    violations,
    relevance: ledger.map((entry) => entry.relevance),
    contradicted: ledger.map((entry) => entry.contradicted),
    entailed: ledger.map((entry) => entry.entailed),
  };
}
