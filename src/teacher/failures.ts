import { defineTable, oneOf, type RowOf } from '../data/index.js';
import { STAGES } from './teacher.js';

/**
 * Why something is not in the data set. Without an answer: refused, filtered (by the endpoint), malformed,
 * too-long, rejected (by the endpoint, before the model). With one: unnamed (a statement that does not name
 * the character), duplicate (a query that repeats another one of its statement), unverified (the teacher
 * does not find that the query wants the statement it was written for), disagreement (a response is not
 * labelled as what it was written as).
 */
export const FAILURES = [
  'refused',
  'filtered',
  'malformed',
  'too-long',
  'rejected',
  'unnamed',
  'duplicate',
  'unverified',
  'disagreement',
] as const;
export type Failure = (typeof FAILURES)[number];

/** One thing that was asked for and is not in the data set; `key` is its answer's in the store. */
export const failuresTable = defineTable('truecast.failures/1', {
  character: 'utf8',
  stage: oneOf('utf8', ...STAGES),
  reason: oneOf('utf8', ...FAILURES),
  detail: 'utf8',
  key: 'utf8',
  paragraph: 'utf8?',
  statement: 'utf8?',
  query: 'utf8?',
  response: 'utf8?',
});
export type FailureRow = RowOf<typeof failuresTable>;

/** Those that asking again may mend. */
export function mayBeRetried({ reason }: FailureRow): boolean {
  return reason !== 'unnamed' && reason !== 'duplicate';
}
