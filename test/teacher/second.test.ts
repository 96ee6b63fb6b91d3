import { describe, expect, it } from 'vitest';
import { secondOpinion } from '../../src/teacher/second.js';
import { nliRow, relevanceRow } from './reviewRows.js';

describe('a second opinion', () => {
  const rows = [
    { row: nliRow(1, 2), second: 2 },
    { row: nliRow(2, 1), second: 0 },
    { row: nliRow(3, 0), second: undefined },
    { row: nliRow(4, 0), second: 0 },
  ];

  it.each([
    ['first', [1, 2, 3, 4]],
    ['drop', [1, 3, 4]],
    ['review', [1, 3, 4]],
  ] as const)('keeps, drops or sets aside (%s)', (policy, kept) => {
    const opinion = secondOpinion('nli', rows, policy, 1);
    expect(opinion.kept).toEqual(
      rows.filter((_, i) => kept.includes((i + 1) as never)).map(({ row }) => row),
    );
    expect(opinion.disagreements).toMatchObject([
      { table: 'nli', why: 'disagreement', label: 1, secondLabel: 0, response: 'I keep 2.' },
    ]);
    expect(opinion.unanswered).toBe(1);
    expect(opinion.agreement).toMatchObject({ rows: 3, observed: 2 / 3 });
    expect(opinion.agreement.confusion).toEqual([
      [1, 0, 0],
      [1, 0, 0],
      [0, 0, 1],
    ]);
  });

  it('judges relevance too', () => {
    const { disagreements, labels } = secondOpinion(
      'relevance',
      [{ row: relevanceRow(1, 1), second: 0 }],
      'review',
      1,
    );
    expect(disagreements).toMatchObject([{ table: 'relevance', response: null, label: 1, secondLabel: 0 }]);
    expect(labels).toEqual(['no', 'yes']);
  });
});
