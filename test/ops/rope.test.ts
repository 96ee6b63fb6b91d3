import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';

/** cos and sin [B, T, d] of position · 10000^(−2i/d), for B lists of positions. */
function angles(positions: number[][], d: number): { cos: OpInput; sin: OpInput } {
  const all = positions.flatMap((row) =>
    row.flatMap((position) =>
      Array.from({ length: d }, (_, c) => position / 10000 ** ((2 * (c % (d / 2))) / d)),
    ),
  );
  const shape = [positions.length, positions[0]!.length, d];
  return { cos: { shape, values: all.map(Math.cos) }, sin: { shape, values: all.map(Math.sin) } };
}

function checkRope(x: OpInput, positions: number[][]): void {
  const [, T, H, d] = x.shape as [number, number, number, number];
  checkOp({
    inputs: { x, ...angles(positions, d) },
    run: (inputs) => run(ops.rope, inputs, {}),
    reference: (values) =>
      values.x.map((value, i) => {
        const c = i % d;
        const row = Math.floor(i / (H * d));
        const angle = (positions.length === 1 ? row % T : row) * d + c;
        const partner = c < d / 2 ? -values.x[i + d / 2]! : values.x[i - d / 2]!;
        return value * values.cos[angle]! + partner * values.sin[angle]!;
      }),
    shape: x.shape,
    gradients: ['x'],
    tolerance: 5e-7,
    gradientTolerance: 5e-7,
  });
}

describeOps('rope', () => {
  it('the same positions for all', () => checkRope(normal('x', [2, 4, 3, 6]), [[0, 1, 2, 3]]));
  it('positions of each', () =>
    checkRope(normal('x', [2, 3, 2, 4]), [
      [0, 0, 1],
      [5, 6, 7],
    ]));
  it('one token, one pair', () => checkRope(normal('x', [1, 1, 1, 2]), [[17]]));
  it('±100, far along', () => checkRope(pick('x', [1, 3, 2, 8], [100, -100, 0]), [[8189, 8190, 8191]]));

  it('the product of a query and a key depends on their distance alone', () => {
    const [q, k] = [tf.tensor(normal('q', [1, 1, 1, 8]).values, [1, 1, 1, 8]), tf.ones([1, 1, 1, 8])];
    const at = (x: tf.Tensor, position: number) => {
      const { cos, sin } = angles([[position]], 8);
      return run(
        ops.rope,
        { x, cos: tf.tensor(cos.values, cos.shape), sin: tf.tensor(sin.values, sin.shape) },
        {},
      );
    };
    const product = (i: number, j: number) => tf.sum(tf.mul(at(q, i), at(k, j))).dataSync();
    expectClose(product(103, 100), product(3, 0), 1e-5);
    expect(() => expectClose(product(103, 100), product(4, 0), 1e-3)).toThrow('deviate');
  });
});
