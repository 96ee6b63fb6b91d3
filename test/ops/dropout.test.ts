import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { randomKey } from '../../src/support/random.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { keeping } from '../helpers/dropout.js';

function checkDropout(x: OpInput, rate: number, key: number): void {
  checkOp({
    inputs: { x },
    run: (tensors) => run(ops.dropout, tensors, { rate, key }),
    reference: (values) => values.x.map((value, i) => value * keeping({ rate, key })(i)),
    shape: x.shape,
    gradients: ['x'],
    tolerance: 2e-7,
    gradientTolerance: 2e-7,
  });
}

describeOps('dropout', () => {
  it.each([
    { shape: [1], rate: 0.5 },
    { shape: [3, 7], rate: 0.1 },
    { shape: [2, 3, 4], rate: 0.9 },
    { shape: [65], rate: 0 },
    { shape: [3, 71], rate: 0.25 },
  ])('$shape at a rate of $rate', ({ shape, rate }) => {
    for (const key of [0, -1, randomKey(7, 'a')]) checkDropout(normal('x', shape), rate, key);
  });

  it('±100', () => checkDropout(pick('x', [20], [100, -100]), 0.3, 5));

  const kept = (n: number, rate: number, key: number) =>
    Array.from(run(ops.dropout, { x: tf.ones([n]) }, { rate, key }).dataSync());

  it('the same key gives the same mask, another another', () => {
    expect(kept(100, 0.5, 3)).toEqual(kept(100, 0.5, 3));
    expect(kept(100, 0.5, 3)).not.toEqual(kept(100, 0.5, 4));
    // what an element gets depends on its place alone, not on how many there are
    expect(kept(100, 0.5, 3)).toEqual(kept(200, 0.5, 3).slice(0, 100));
  });

  it.each([0.1, 0.5, 0.8])('drops %d of the elements and keeps the mean', (rate) => {
    const n = 20_000;
    const values = kept(n, rate, 12);
    const dropped = values.filter((value) => value === 0).length / n;
    // within three standard deviations of a binomial count
    expect(Math.abs(dropped - rate)).toBeLessThan(3 * Math.sqrt((rate * (1 - rate)) / n));
    const share = Math.fround(1 / (1 - rate));
    expect(values.every((value) => value === 0 || value === share)).toBe(true);
  });
});
