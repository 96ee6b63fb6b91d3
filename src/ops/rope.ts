import * as tf from '../backends/tf.js';
import { native, type Op } from './op.js';
import { ropeKernel } from './tensorflow/rope.js';

export type RopeInputs = {
  /** [B, T, H, d], d even */
  x: tf.Tensor;
  /** [B | 1, T, d]: cosines of position × frequency, the d/2 frequencies twice in a row */
  cos: tf.Tensor;
  /** as cos */
  sin: tf.Tensor;
};

/** Rotary position embedding: y = x · cos + rotateHalf(x) · sin, rotateHalf([a, b]) = [−b, a] (RoFormer). */
export const rope: Op<RopeInputs, Record<never, never>> = {
  keepsOutput: false,
  kernels: { tensorflow: native(ropeKernel), wasm: null, cpu: null },
  forward({ x, cos, sin }) {
    const [a, b] = halves(x);
    return tf.add(tf.mul(x, forHeads(cos)), tf.mul(tf.concat([tf.neg(b), a], -1), forHeads(sin)));
  },
  reads: () => ['cos', 'sin'],
  gradient(dy, { cos, sin }, _attributes, _output, needs) {
    if (!needs('x')) return {};
    const [a, b] = halves(tf.mul(dy, forHeads(sin)));
    return { x: tf.add(tf.mul(dy, forHeads(cos)), tf.concat([b, tf.neg(a)], -1)) };
  },
};

function forHeads(angles: tf.Tensor): tf.Tensor {
  return angles.expandDims(2);
}

function halves(x: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const width = x.shape[x.rank - 1]! / 2;
  const begin = x.shape.map(() => 0);
  const size = [...x.shape.slice(0, -1), width];
  return [tf.slice(x, begin, size), tf.slice(x, [...begin.slice(0, -1), width], size)];
}
