import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { type Op, run } from '../../src/ops/op.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, int32, type OpCheck, random } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';
import { erf } from '../helpers/float64.js';

type Inputs = { x: tf.Tensor; w: tf.Tensor };

/** x³ · w, and ways to get it wrong. */
function cube(wrong: { dx?: (right: tf.Tensor) => tf.Tensor; y?: (right: tf.Tensor) => tf.Tensor } = {}) {
  const op: Op<Inputs, object> = {
    keepsOutput: false,
    kernels: { tensorflow: null, wasm: null, cpu: null },
    forward({ x, w }) {
      const y = tf.mul(tf.mul(tf.square(x), x), w);
      return wrong.y ? wrong.y(y) : y;
    },
    gradient(dy, { x, w }, _attributes, _output, needs) {
      const dx = tf.mul(tf.mul(dy, tf.mul(tf.square(x), 3)), w);
      return {
        x: needs('x') ? (wrong.dx ? wrong.dx(dx) : dx) : undefined,
        w: needs('w') ? tf.mul(dy, tf.mul(tf.square(x), x)) : undefined,
      };
    },
  };
  const check: OpCheck<'x' | 'w'> = {
    inputs: { x: random('x', [2, 3], 2), w: random('w', [2, 3], 2) },
    run: (inputs) => run(op, inputs, {}),
    reference: ({ x, w }) => x.map((value, i) => value ** 3 * w[i]!),
    shape: [2, 3],
    gradients: ['x', 'w'],
    tolerance: 1e-6,
    gradientTolerance: 1e-6,
  };
  return check;
}

describeOps('checkOp', () => {
  it('accepts what is right', () => {
    checkOp(cube());
    checkOp({ ...cube(), gradients: [] });
  });

  it('refuses wrong values, shapes and types', () => {
    expect(() => checkOp(cube({ y: (y) => tf.mul(y, 1 + 1e-5) }))).toThrow('output: deviate');
    expect(() => checkOp(cube({ y: (y) => y.reshape([3, 2]) }))).toThrow('shape is [3,2], expected [2,3]');
    expect(() => checkOp(cube({ y: (y) => tf.cast(y, 'int32') }))).toThrow('type is int32');
    expect(() => checkOp({ ...cube(), inputs: { x: int32([1], []), w: int32([0], []) } })).toThrow('wants 1');
  });

  it('refuses NaN in the output and in a gradient', () => {
    expect(() => checkOp(cube({ y: (y) => tf.mul(y, Number.NaN) }))).toThrow('output: value 0 is NaN');
    expect(() => checkOp(cube({ dx: (dx) => tf.mul(dx, Number.NaN) }))).toThrow(
      'gradient of x: value 0 is NaN',
    );
  });

  it('refuses wrong gradients', () => {
    expect(() => checkOp(cube({ dx: (dx) => tf.mul(dx, 1 + 1e-4) }))).toThrow('gradient of x: deviate');
    expect(() => checkOp(cube({ dx: (dx) => tf.neg(dx) }))).toThrow('gradient of x: deviate');
    expect(() => checkOp(cube({ dx: (dx) => dx.reshape([3, 2]) }))).toThrow('gradient of x is [3,2]');
    expect(() => checkOp({ ...cube(), dy: [1] })).toThrow('dy has 1 values');
  });

  it('refuses a gradient that is right only where all are asked for', () => {
    const check = cube();
    let calls = 0;
    const inconstant = cube({ dx: (dx) => (++calls > 1 ? tf.mul(dx, 2) : dx) });
    checkOp(check);
    expect(() => checkOp(inconstant)).toThrow('gradient of x alone: deviate');
  });

  it('refuses tensors left behind', () => {
    const kept: tf.Tensor[] = [];
    const leaking = cube({
      y: (y) => {
        kept.push(tf.keep(tf.zeros([1])));
        return y;
      },
    });
    expect(() => checkOp(leaking)).toThrow('tensors are left');
    tf.dispose(kept);
  });
});

describe('expectClose', () => {
  it('fails on NaN, on infinities and on another length', () => {
    expect(() => expectClose([Number.NaN], [1], 1e9)).toThrow('NaN');
    expect(() => expectClose([1], [Number.NaN], 1e9)).toThrow('NaN');
    expect(() => expectClose([Number.NaN], [Number.NaN], 1e9)).toThrow('NaN');
    expect(() => expectClose([Number.POSITIVE_INFINITY], [1], 1e9)).toThrow('deviate');
    expect(() => expectClose([1], [], 1e9)).toThrow('1 values');
    expect(() => expectClose([], [1], 1e9)).toThrow('0 values');
    expect(() => expectClose([1], [1], Number.NaN)).toThrow('tolerated NaN');
    expect(() => expectClose([1.1], [1], 0.04)).toThrow('deviate');
    expectClose([1.1], [1], 0.051);
  });
});

it('erf is exact to float64', () => {
  // Abramowitz & Stegun, table 7.1; Wolfram's digits
  expectClose(
    [0, 0.1, 0.5, 1, 2, 2.5, 3, 4, -1, 100].map(erf),
    [
      0, 0.1124629160182849, 0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 0.9995930479825551,
      0.9999779095030014, 0.9999999845827421, -0.8427007929497149, 1,
    ],
    1e-15,
  );
});
