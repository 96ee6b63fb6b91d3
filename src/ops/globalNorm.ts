import * as tf from '../backends/tf.js';
import { native, type Op } from './op.js';
import { globalNormKernel } from './tensorflow/globalNorm.js';

export type GlobalNormInputs = { tensors: readonly tf.Tensor[] };

/** √Σ of the squares of all elements of all tensors: a scalar. */
export const globalNorm: Op<GlobalNormInputs, Record<never, never>> = {
  keepsOutput: false,
  kernels: { tensorflow: native(globalNormKernel), wasm: null, cpu: null },
  gradient: null,
  forward: ({ tensors }) => tf.sqrt(tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor))))),
};
