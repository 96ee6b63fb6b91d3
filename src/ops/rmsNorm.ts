import * as tf from '../backends/tf.js';
import { native, type Op } from './op.js';
import { rmsNormKernel } from './tensorflow/rmsNorm.js';

export type RmsNormInputs = {
  /** [..., D] */
  x: tf.Tensor;
  /** [D] */
  weight: tf.Tensor;
  /** [..., D]; added to what is normalised */
  residual?: tf.Tensor;
};

export interface RmsNormAttributes {
  epsilon: number;
  /** Added to the weight: 1 in Gemma, whose weights are stored minus one. */
  offset: number;
}

/** y = x / sqrt(mean(x²) + ε) · (offset + weight) + residual, over the last axis. */
export const rmsNorm: Op<RmsNormInputs, RmsNormAttributes> = {
  keepsOutput: false,
  kernels: { tensorflow: native(rmsNormKernel), wasm: null, cpu: null },
  forward({ x, weight, residual }, { epsilon, offset }) {
    const normed = tf.mul(tf.mul(x, inverseRms(x, epsilon)), tf.add(weight, offset));
    return residual ? tf.add(normed, residual) : normed;
  },
  reads: () => ['x', 'weight'],
  gradient(dy, { x, weight }, { epsilon, offset }, _output, needs) {
    const r = inverseRms(x, epsilon);
    const normed = tf.mul(x, r);
    const axes = x.shape.slice(0, -1).map((_, i) => i);
    const dNormed = tf.mul(dy, tf.add(weight, offset));
    return {
      x: needs('x')
        ? tf.mul(r, tf.sub(dNormed, tf.mul(normed, tf.mean(tf.mul(dNormed, normed), -1, true))))
        : undefined,
      weight: needs('weight') ? tf.sum(tf.mul(dy, normed), axes) : undefined,
      residual: needs('residual') ? dy.clone() : undefined,
    };
  },
};

function inverseRms(x: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
}
