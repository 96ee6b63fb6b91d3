import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { torchSum } from '../../src/models/torchSum.js';

/** Length → sum, by test/fixtures/bnb.py. */
const SUMS = JSON.parse(readFileSync('test/fixtures/bnb/sums.json', 'utf8')) as Record<string, number>;

it.each(Object.entries(SUMS))('%s values add up to what PyTorch gives, to the last bit', (length, sum) => {
  const values = Float32Array.from(
    { length: Number(length) },
    (_, i) => (Math.imul(i, 2654435761) >>> 8) / 2 ** 24,
  );
  expect(torchSum(values)).toBe(sum);
});

it('no values add up to 0', () => expect(torchSum(new Float32Array(0))).toBe(0));
