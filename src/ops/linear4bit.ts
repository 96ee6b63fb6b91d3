import * as tf from '../backends/tf.js';
import { linear4bitKernel as heapKernel } from './heap/linear4bit.js';
import { dequantizeNf4, type Nf4Tensors } from './nf4.js';
import type { Op } from './op.js';
import { linear4bitKernel as tensorflowKernel } from './tensorflow/linear4bit.js';

export type Linear4bitInputs = Nf4Tensors & {
  /** [N, in] */
  x: tf.Tensor;
};

export interface Linear4bitAttributes {
  outFeatures: number;
  inFeatures: number;
}

/** x · dequantised(W)ᵀ, [N, out]. W is frozen and stays packed: both passes dequantise it and let it go. */
export const linear4bit: Op<Linear4bitInputs, Linear4bitAttributes> = {
  keepsOutput: false,
  kernels: { tensorflow: tensorflowKernel, wasm: heapKernel, cpu: heapKernel },
  forward: ({ x, ...weight }, { outFeatures, inFeatures }) =>
    tf.matMul(x, dequantizeNf4(weight, outFeatures, inFeatures), false, true),
  gradient: (dy, { x: _x, ...weight }, { outFeatures, inFeatures }) => ({
    x: tf.matMul(dy, dequantizeNf4(weight, outFeatures, inFeatures)),
  }),
};
