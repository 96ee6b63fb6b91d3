import * as tf from '../backends/tf.js';
import { adamwKernel } from './heap/adamw.js';
import type { Op } from './op.js';

export type AdamwInputs = {
  parameter: tf.Tensor;
  gradient: tf.Tensor;
  /** First moment, shaped as the parameter. */
  m: tf.Tensor;
  /** Second moment. */
  v: tf.Tensor;
  /**
   * Scalars that change every step, as a tensor (an attribute would make a new kernel each step):
   * [learning rate / (1 − β1ᵗ), 1 / √(1 − β2ᵗ), 1 − learning rate · weight decay].
   */
  step: tf.Tensor;
};

export interface AdamwAttributes {
  beta1: number;
  beta2: number;
  epsilon: number;
}

/**
 * One step of AdamW with decoupled weight decay (Loshchilov & Hutter 2019), as torch.optim.AdamW orders
 * it: parameter · (1 − lr·λ) − lr·m̂ / (√v̂ + ε). Returns the new parameter, m and v.
 */
export const adamw: Op<AdamwInputs, AdamwAttributes, [tf.Tensor, tf.Tensor, tf.Tensor]> = {
  keepsOutput: false,
  kernels: { tensorflow: null, wasm: adamwKernel, cpu: adamwKernel },
  gradient: null,
  forward({ parameter, gradient, m, v, step }, { beta1, beta2, epsilon }) {
    const [stepSize, correction, decay] = tf.unstack(step) as [tf.Scalar, tf.Scalar, tf.Scalar];
    const newM = tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1));
    const newV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const denominator = tf.add(tf.mul(tf.sqrt(newV), correction), epsilon);
    const update = tf.mul(tf.div(newM, denominator), stepSize);
    return [tf.sub(tf.mul(parameter, decay), update), newM, newV];
  },
};
