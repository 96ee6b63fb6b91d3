import { words } from '../data/index.js';
import { mean } from '../support/statistics.js';
import type { ReplyRow } from './rows.js';

/** What a table shows of a method: means over the replies. */
export interface MethodMetrics {
  replies: number;
  delta: number;
  active: number;
  passive: number;
  violationsPer100: number;
  /** In words (Chinese: as the data library counts them). */
  meanLength: number;
  /** Distinct word pairs over all word pairs of all replies. */
  distinct2: number;
  /** Share of replies without text. */
  empty: number;
  /** Share of replies cut off by the length limit. */
  unfinished: number;
}

export function methodMetrics(replies: readonly ReplyRow[]): MethodMetrics {
  const of = (value: (reply: ReplyRow) => number) => mean(replies.map(value));
  return {
    replies: replies.length,
    delta: of(({ delta }) => delta),
    active: of(({ active }) => active),
    passive: of(({ passive }) => passive),
    violationsPer100: 100 * of(({ violations }) => violations),
    meanLength: of(({ response }) => words(response).length),
    distinct2: distinctPairs(replies.map(({ response }) => response)),
    empty: of(({ response }) => Number(response.trim() === '')),
    unfinished: of(({ stopped }) => Number(!stopped)),
  };
}

function distinctPairs(texts: readonly string[]): number {
  const seen = new Set<string>();
  let total = 0;
  for (const text of texts) {
    const list = words(text);
    for (let i = 0; i + 1 < list.length; i++) {
      seen.add(`${list[i]} ${list[i + 1]}`);
      total++;
    }
  }
  return total === 0 ? 0 : seen.size / total;
}

/**
 * Differences after − before per query, samples averaged: the values of a paired comparison, in the order of
 * `before`'s queries.
 */
export function pairedDifferences(
  before: readonly ReplyRow[],
  after: readonly ReplyRow[],
  value: (reply: ReplyRow) => number,
): number[] {
  const means = (replies: readonly ReplyRow[]) => {
    const groups = new Map<string, number[]>();
    for (const reply of replies) {
      const key = JSON.stringify([reply.character, reply.queryId]);
      groups.set(key, [...(groups.get(key) ?? []), value(reply)]);
    }
    return groups;
  };
  const later = means(after);
  return [...means(before)].map(([key, values]) => mean(later.get(key)!) - mean(values));
}
