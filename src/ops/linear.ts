import * as tf from '../backends/tf.js';
import { type Kernel, native, type Op } from './op.js';
import { addBias } from './tensorflow/linear.js';

export type LinearInputs = {
  /** [N, in] */
  x: tf.Tensor;
  /** [out, in] */
  weight: tf.Tensor;
  /** [out] */
  bias: tf.Tensor;
};

/** A linear layer in float32, all of which may be trained: x Wᵀ + bias, [N, out]. */
export const linear: Op<LinearInputs, Record<never, never>> = {
  keepsOutput: false,
  kernels: { tensorflow: native(withBias(addBias)), wasm: null, cpu: null },
  ...withBias(tf.add),
};

/** @param add adds to a product that it alone has */
function withBias(
  add: (product: tf.Tensor, bias: tf.Tensor) => tf.Tensor,
): Kernel<LinearInputs, Record<never, never>> {
  return {
    forward: ({ x, weight, bias }) => add(tf.matMul(x, weight, false, true), bias),
    gradient: (dy, { x, weight }, _attributes, _output, needs) => ({
      x: needs('x') ? tf.matMul(dy, weight) : undefined,
      weight: needs('weight') ? tf.matMul(dy, x, true, false) : undefined,
      bias: needs('bias') ? tf.sum(dy, 0) : undefined,
    }),
  };
}
