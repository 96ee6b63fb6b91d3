import { describe, expect, it } from 'vitest';
import { agreement, confusionRows, kappaText } from '../../src/evaluation/agreement.js';
import { wilsonInterval } from '../../src/support/statistics.js';

/** Two lists of labels with this confusion table. */
function lists(confusion: number[][]): [number[], number[]] {
  const pairs = confusion.flatMap((row, a) => row.flatMap((n, b) => Array.from({ length: n }, () => [a, b])));
  return [pairs.map(([a]) => a!), pairs.map(([, b]) => b!)];
}

const of = (confusion: number[][]) => agreement(...lists(confusion), confusion.length);

describe("Cohen's κ", () => {
  it('is what the formula gives by hand', () => {
    // (0.7 − 0.5) / 0.5
    const two = of([
      [20, 5],
      [10, 15],
    ]);
    expect(two).toMatchObject({ rows: 50, observed: 0.7, expected: 0.5 });
    expect(two.kappa).toBeCloseTo(0.4, 14);
    // (0.70 − 0.41) / 0.59
    const confusion = [
      [44, 5, 1],
      [7, 20, 3],
      [9, 5, 6],
    ];
    const three = of(confusion);
    expect(three.kappa).toBeCloseTo(0.29 / 0.59, 14);
    expect(three.confusion).toEqual(confusion);
  });

  it('is 1 for equal labels, −1 for opposite ones, 0 for independent ones', () => {
    expect(agreement([0, 1, 2, 1], [0, 1, 2, 1], 3).kappa).toBe(1);
    expect(agreement([0, 1, 0, 1], [1, 0, 1, 0], 2).kappa).toBe(-1);
    expect(agreement([0, 0, 1, 1], [0, 1, 0, 1], 2).kappa).toBe(0);
  });

  it('is not defined where there is nothing to tell chance by, and says so', () => {
    const same = agreement([1, 1, 1], [1, 1, 1], 3);
    expect(same).toMatchObject({
      observed: 1,
      expected: 1,
      kappa: null,
      interval: null,
      undefinedResamples: 0,
    });
    expect(kappaText(same)).toBe('undefined (both gave every row the same label)');
    const none = agreement([], [], 2);
    expect(none).toMatchObject({ rows: 0, observed: null, expected: null, kappa: null, interval: null });
    expect(kappaText(none)).toBe('undefined (no rows)');
    // one gave one label alone: chance explains all, κ is 0
    expect(agreement([1, 1, 1, 1], [1, 1, 0, 1], 2).kappa).toBe(0);
    // each gave one label, another one
    expect(agreement([0, 0], [1, 1], 2)).toMatchObject({ kappa: 0, observed: 0, expected: 0 });
  });

  it('has an interval that agrees with the large-sample error', () => {
    const n = 10;
    const { kappa, interval } = of([
      [20 * n, 5 * n],
      [10 * n, 15 * n],
    ]);
    // √(p(1 − p)) / (√rows · (1 − chance))
    const error = Math.sqrt(0.7 * 0.3) / (Math.sqrt(50 * n) * 0.5);
    expect(Math.abs(interval![0] - (kappa! - 1.96 * error))).toBeLessThan(0.015);
    expect(Math.abs(interval![1] - (kappa! + 1.96 * error))).toBeLessThan(0.015);
    const again = of([
      [20 * n, 5 * n],
      [10 * n, 15 * n],
    ]);
    expect(again.interval).toEqual(interval);
  });

  it('leaves resamples of one label out of the interval, and counts them', () => {
    const { interval, undefinedResamples } = agreement([0, 0, 0, 0, 1], [0, 0, 0, 0, 1], 2);
    expect(interval).toEqual([1, 1]);
    // (4/5)⁵ + (1/5)⁵
    expect(Math.abs(undefinedResamples - 0.328)).toBeLessThan(0.05);
  });

  it('refuses lists that do not belong together', () => {
    expect(() => agreement([0], [0, 1], 2)).toThrow('1 and of 2');
    expect(() => agreement([0, 2], [0, 1], 2)).toThrow('no label: 2');
    expect(() => agreement([0, Number.NaN], [0, 1], 2)).toThrow('no label');
  });

  it('shows its table with both names', () => {
    const rows = confusionRows(
      {
        confusion: [
          [3, 1],
          [0, 2],
        ],
      },
      ['no', 'yes'],
      ['first', 'second'],
    );
    expect(rows).toEqual([
      ['first ↓ second →', 'no', 'yes'],
      ['no', '3', '1'],
      ['yes', '0', '2'],
    ]);
  });
});

describe("Wilson's interval", () => {
  it('has the published values', () => {
    // R: prop.test(8, 10, correct = FALSE)
    const [low, high] = wilsonInterval(8, 10);
    expect(low).toBeCloseTo(0.4901625, 6);
    expect(high).toBeCloseTo(0.9433178, 6);
  });

  it('stays in [0, 1] at the ends, and is all of it without trials', () => {
    expect(wilsonInterval(0, 10)[0]).toBe(0);
    expect(wilsonInterval(0, 10)[1]).toBeCloseTo(3.841458820694124 / 13.841458820694124, 12);
    expect(wilsonInterval(10, 10)[1]).toBe(1);
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
  });
});
