import { defineTable, type RowOf } from '../data/index.js';
import type { JudgedReply } from './metrics.js';

/** Every judged reply of an evaluation: what its tables are computed from. */
export const repliesTable = defineTable('truecast.replies/1', {
  method: 'utf8',
  dpo: 'bool',
  queryId: 'utf8',
  sample: 'int32',
  query: 'utf8',
  response: 'utf8',
  apc: 'float64',
  delta: 'float64',
  active: 'float64',
  passive: 'float64',
  violations: 'int32',
  tokens: 'int32',
  stopped: 'bool',
  /** Per statement, in the persona's order. */
  relevance: 'float64[]',
  contradicted: 'float64[]',
  entailed: 'float64[]',
});
export type ReplyRow = RowOf<typeof repliesTable>;

export function replyRow(method: string, dpo: boolean, reply: JudgedReply): ReplyRow {
  const {
    queryId,
    sample,
    query,
    response,
    apc,
    delta,
    active,
    passive,
    violations,
    tokens,
    stopped,
    ledger,
  } = reply;
  return {
    method,
    dpo,
    queryId,
    sample,
    query,
    response,
    apc,
    delta,
    active,
    passive,
    violations,
    tokens,
    stopped,
    relevance: ledger.map((entry) => entry.relevance),
    contradicted: ledger.map((entry) => entry.contradicted),
    entailed: ledger.map((entry) => entry.entailed),
  };
}
