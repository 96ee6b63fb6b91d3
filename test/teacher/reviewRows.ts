import type { NliRow, RelevanceRow } from '../../src/data/index.js';

/** Rows without prose for tests of the review. */
export function relevanceRow(i: number, label: 0 | 1): RelevanceRow {
  return {
    character: 'maker',
    name: 'Maker',
    language: 'en',
    statementId: `s${i}`,
    queryId: `q${i}`,
    statement: `Maker keeps ${i} clocks.`,
    query: `How many clocks, ${i}?`,
    label,
    split: 'train',
    origin: label === 1 ? 'active' : 'random',
  };
}

export function nliRow(i: number, label: 0 | 1 | 2): NliRow {
  const { origin: _, ...row } = relevanceRow(i, 1);
  return { ...row, response: `I keep ${i}.`, label, origin: 'target' };
}
