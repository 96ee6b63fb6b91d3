import { describe, expect, it } from 'vitest';
import { integerAt, normalAt, randomKey, shuffled, uniformAt } from '../../src/support/random.js';

const N = 100_000;

function counts(values: Iterable<number>, bins: number): number[] {
  const result = new Array<number>(bins).fill(0);
  for (const value of values) result[value]!++;
  return result;
}

/** Pearson's χ² against equal shares. */
function chiSquare(observed: readonly number[]): number {
  const expected = observed.reduce((a, b) => a + b, 0) / observed.length;
  return observed.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

const KEYS = [0, 1, -1, randomKey(1), randomKey('a', 2)];

describe('uniformAt', () => {
  it.each(KEYS)('key %d: within [0, 1), uniform, exact in float32', (key) => {
    const values = Array.from({ length: N }, (_, i) => uniformAt(key, i));
    expect(values.every((value) => value >= 0 && value < 1 && Math.fround(value) === value)).toBe(true);
    // 99.99 % of χ² with 63 degrees of freedom lie below 115
    expect(
      chiSquare(
        counts(
          values.map((value) => Math.floor(value * 64)),
          64,
        ),
      ),
    ).toBeLessThan(115);
  });

  it.each(KEYS)('key %d: neighbours have nothing to do with each other', (key) => {
    const cells = Array.from({ length: N }, (_, i) => {
      return 8 * Math.floor(8 * uniformAt(key, i)) + Math.floor(8 * uniformAt(key, i + 1));
    });
    expect(chiSquare(counts(cells, 64))).toBeLessThan(115);
    const across = Array.from({ length: N }, (_, i) => {
      return 8 * Math.floor(8 * uniformAt(key, i)) + Math.floor(8 * uniformAt(key + 1, i));
    });
    expect(chiSquare(counts(across, 64))).toBeLessThan(115);
  });

  it('depends on key and counter alone, not on what was drawn before', () => {
    const key = randomKey('order');
    const forwards = Array.from({ length: 100 }, (_, i) => uniformAt(key, i));
    const backwards = Array.from({ length: 100 }, (_, i) => uniformAt(key, 99 - i)).reverse();
    expect(backwards).toEqual(forwards);
  });

  it('never changes: runs that were begun go on', () => {
    expect(randomKey(7, 'dropout', 3, 0)).toMatchInlineSnapshot(`-1396989237`);
    expect([0, 1, 2].map((i) => uniformAt(randomKey('fixed'), i))).toMatchInlineSnapshot(`
      [
        0.9827063679695129,
        0.7634431719779968,
        0.8243906497955322,
      ]
    `);
  });
});

describe('randomKey', () => {
  it('tells paths apart', () => {
    const paths: (number | string)[][] = [
      [],
      [0],
      [1],
      [-1],
      [0, 0],
      [2 ** 32],
      [2 ** 33],
      ['0'],
      [''],
      ['', ''],
      ['a', 'b'],
      ['ab'],
      ['b', 'a'],
      [1, 'a'],
      ['a', 1],
      ['1', 'a'],
    ];
    expect(new Set(paths.map((path) => randomKey(...path))).size).toBe(paths.length);
  });

  it('rarely gives two of many paths the same key', () => {
    const keys = new Set<number>();
    for (let step = 0; step < 300; step++)
      for (let i = 0; i < 100; i++) keys.add(randomKey(7, 'dropout', step, i));
    // of 30,000 among 2³² about 0.1 pairs are expected
    expect(keys.size).toBeGreaterThanOrEqual(30_000 - 2);
    expect([...keys].every((key) => key === (key | 0))).toBe(true);
  });
});

describe('integerAt', () => {
  it.each([1, 2, 7, 1000])('of %d', (n) => {
    const values = Array.from({ length: 20_000 }, (_, i) => integerAt(3, i, n));
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < n)).toBe(true);
    if (n === 7) expect(chiSquare(counts(values, 7))).toBeLessThan(28);
  });
});

describe('normalAt', () => {
  it('has mean 0, variance 1, and normal tails', () => {
    const values = Array.from({ length: N }, (_, i) => normalAt(5, i));
    const mean = values.reduce((a, b) => a + b) / N;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / N;
    // four standard errors
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(N));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / N));
    const beyond = values.filter((value) => Math.abs(value) > 1.959964).length / N;
    expect(Math.abs(beyond - 0.05)).toBeLessThan(4 * Math.sqrt((0.05 * 0.95) / N));
    expect(values.every(Number.isFinite)).toBe(true);
  });
});

describe('shuffled', () => {
  it('gives a permutation, leaves the list alone, and depends on the key alone', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const result = shuffled(items, 4);
    expect(items).toEqual([...items].sort((a, b) => a - b));
    expect([...result].sort((a, b) => a - b)).toEqual(items);
    expect(result).not.toEqual(items);
    expect(shuffled(items, 4)).toEqual(result);
    expect(shuffled(items, 5)).not.toEqual(result);
    expect(shuffled([], 1)).toEqual([]);
  });

  it('gives every order alike', () => {
    const orders = new Map<string, number>();
    for (let seed = 0; seed < 12_000; seed++) {
      const order = shuffled('abcd'.split(''), randomKey('orders', seed)).join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    // 99.99 % of χ² with 23 degrees of freedom lie below 56
    expect(chiSquare([...orders.values()])).toBeLessThan(56);
  });
});
