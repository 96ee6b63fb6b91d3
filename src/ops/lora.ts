import * as tf from '../backends/tf.js';
import { composed, type Op } from './op.js';

export type LoraInputs = {
  /** [N, in] */
  x: tf.Tensor;
  /** [r, in], PEFT's lora_A.weight */
  a: tf.Tensor;
  /** [out, r], PEFT's lora_B.weight */
  b: tf.Tensor;
};

export interface LoraAttributes {
  /** alpha / r, or alpha / √r with rank-stabilised scaling */
  scale: number;
}

/** What a low-rank adapter adds to a linear layer: scale · (x aᵀ) bᵀ, [N, out] (Hu et al. 2021). */
export const lora: Op<LoraInputs, LoraAttributes> = {
  keepsOutput: false,
  kernels: composed,
  forward({ x, a, b }, { scale }) {
    return tf.mul(tf.matMul(tf.matMul(x, a, false, true), b, false, true), scale);
  },
  reads: (needs) => (needs('a') || needs('b') ? ['x', 'a', 'b'] : ['a', 'b']),
  gradient(dy, { x, a, b }, { scale }, _output, needs) {
    const dScaled = tf.mul(dy, scale);
    const dInner = tf.matMul(dScaled, b);
    return {
      x: needs('x') ? tf.matMul(dInner, a) : undefined,
      a: needs('a') ? tf.matMul(dInner, x, true, false) : undefined,
      b: needs('b') ? tf.matMul(dScaled, tf.matMul(x, a, false, true), true, false) : undefined,
    };
  },
};
