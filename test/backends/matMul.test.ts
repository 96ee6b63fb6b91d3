import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import { expectSame, floats, values } from './compare.js';

/** [batch, m, k, n]: ragged, tiny, one row, one column, sums longer than a strip. */
const SHAPES: [number[], number, number, number][] = [
  [[], 3, 5, 7],
  [[], 1, 1, 1],
  [[], 1, 13, 9],
  [[], 2, 6, 5],
  [[], 3, 4, 1],
  [[], 9, 600, 17],
  [[], 1, 1030, 11],
  [[], 13, 3, 8],
  [[], 8, 513, 16],
  [[2], 3, 4, 5],
  [[3], 1, 7, 6],
  [[2, 3], 4, 3, 2],
  [[], 0, 3, 4],
  [[0], 2, 3, 4],
];

describe('matMul on wasm', () => {
  for (const [batch, m, k, n] of SHAPES) {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const name = `[${[...batch, m, k]}]${transposeA ? 'ᵀ' : ''} × [${[...batch, k, n]}]${transposeB ? 'ᵀ' : ''}`;
        it(name, async () => {
          await expectSame(() => {
            const a = floats([...batch, ...(transposeA ? [k, m] : [m, k])], 1, 3);
            const b = floats([...batch, ...(transposeB ? [n, k] : [k, n])], 1, 7);
            return tf.matMul(a, b, transposeA, transposeB);
          }, 2e-3);
        });
      }
    }
  }

  it('is zero over an empty sum', async () => {
    await expectSame(() => tf.matMul(floats([2, 0]), floats([0, 3])));
  });

  it('broadcasts batch dimensions, one against many', async () => {
    await expectSame(() => tf.matMul(floats([1, 3, 4]), floats([5, 4, 2], 1, 2)), 1e-4);
    await expectSame(() => tf.matMul(floats([5, 3, 4]), floats([1, 4, 2], 1, 2)), 1e-4);
  });

  it('sees values that were changed in place after an earlier product', async () => {
    await selectBackend('wasm');
    const { float32View } = await import('../../src/backends/wasm/heap.js');
    const a = floats([6, 4]);
    const b = floats([4, 8]);
    const before = tf.matMul(a, b).dataSync();
    const view = float32View(b);
    for (let i = 0; i < view.length; i++) view[i]! *= 2;
    const after = tf.matMul(a, b).dataSync();
    before.forEach((value, i) => {
      expect(after[i]).toBeCloseTo(2 * value, 4);
    });
  });

  it('passes on NaN and infinity', async () => {
    await selectBackend('wasm');
    const a = tf.tensor2d([Number.NaN, 1, Number.POSITIVE_INFINITY, 1], [2, 2]);
    expect([...tf.matMul(a, tf.ones([2, 2])).dataSync()]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('refuses types other than float32', async () => {
    await selectBackend('wasm');
    const a = tf.ones([2, 2], 'int32');
    expect(() => tf.matMul(a, a)).toThrow(/float32/);
  });
});

describe('matMul on wasm, in general batches', () => {
  beforeAll(async () => {
    await selectBackend('wasm');
  });

  // (tfjs's cpu backend is wrong here, so the expectation is spelled out.)
  it('broadcasts [2,1] against [3]', () => {
    const a = values(2 * 1 * 2 * 2, 1, 5);
    const b = values(3 * 2 * 2, 1, 6);
    const c = tf.matMul(tf.tensor(a, [2, 1, 2, 2]), tf.tensor(b, [1, 3, 2, 2]));
    expect(c.shape).toEqual([2, 3, 2, 2]);
    const got = c.dataSync();
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) {
        for (const [row, column] of [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ] as const) {
          const sum =
            a[i * 4 + row * 2]! * b[j * 4 + column]! + a[i * 4 + row * 2 + 1]! * b[j * 4 + 2 + column]!;
          expect(got[(i * 3 + j) * 4 + row * 2 + column]).toBeCloseTo(sum, 5);
        }
      }
    }
  });

  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid'] as const) {
    it(`fuses a bias and ${activation}`, async () => {
      await expectSame(
        () => tf.fused.matMul({ a: floats([3, 4]), b: floats([4, 5]), bias: floats([5]), activation }),
        1e-4,
      );
    });
  }
});
