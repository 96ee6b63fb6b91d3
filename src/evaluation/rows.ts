import type { ScoredResponse } from '../apc/score.js';
import { defineTable, type RowOf } from '../data/index.js';

const JUDGEMENT = {
  apc: 'float64',
  delta: 'float64',
  active: 'float64',
  passive: 'float64',
  violations: 'int32',
  /** Per statement, in the persona's order. */
  relevance: 'float64[]',
  contradicted: 'float64[]',
  entailed: 'float64[]',
} as const;

/** Every judged reply of an evaluation: what its tables are computed from. */
export const repliesTable = defineTable('truecast.replies/2', {
  character: 'utf8',
  method: 'utf8',
  /** Whether the adapter that DPO trained was on. */
  dpo: 'bool',
  queryId: 'utf8',
  /** Which of the query's replies. */
  sample: 'int32',
  query: 'utf8',
  response: 'utf8',
  tokens: 'int32',
  /** Ended by itself, not by the length limit. */
  stopped: 'bool',
  ...JUDGEMENT,
});
export type ReplyRow = RowOf<typeof repliesTable>;

/** Replies that are not judged yet. */
export const generatedTable = defineTable('truecast.generated/1', {
  /** Names the play, the query and the sample. */
  of: 'utf8',
  response: 'utf8',
  tokens: 'int32',
  stopped: 'bool',
});
export type GeneratedRow = RowOf<typeof generatedTable>;

/** What the judge says of each distinct reply. */
export const judgedTable = defineTable('truecast.judged/1', { of: 'utf8', ...JUDGEMENT });
export type JudgedRow = RowOf<typeof judgedTable>;

export function judgedRow(
  of: string,
  { apc, delta, active, passive, violations, ledger }: ScoredResponse,
): JudgedRow {
  return {
    of,
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
