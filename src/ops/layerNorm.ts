import * as tf from '../backends/tf.js';
import { composed, type Op } from './op.js';

export type LayerNormInputs = {
  /** [..., D] */
  x: tf.Tensor;
  /** [D] */
  weight: tf.Tensor;
  /** [D] */
  bias: tf.Tensor;
};

export interface LayerNormAttributes {
  epsilon: number;
}

/** y = (x − mean(x)) / sqrt(var(x) + ε) · weight + bias, over the last axis (biased variance). */
export const layerNorm: Op<LayerNormInputs, LayerNormAttributes> = {
  keepsOutput: false,
  kernels: composed,
  forward({ x, weight, bias }, { epsilon }) {
    return tf.add(tf.mul(normalise(x, epsilon).normed, weight), bias);
  },
  reads: () => ['x', 'weight'],
  gradient(dy, { x, weight }, { epsilon }, _output, needs) {
    const { normed, inverse } = normalise(x, epsilon);
    const axes = x.shape.slice(0, -1).map((_, i) => i);
    const dNormed = tf.mul(dy, weight);
    const centred = () =>
      tf.sub(
        tf.sub(dNormed, tf.mean(dNormed, -1, true)),
        tf.mul(normed, tf.mean(tf.mul(dNormed, normed), -1, true)),
      );
    return {
      x: needs('x') ? tf.mul(inverse, centred()) : undefined,
      weight: needs('weight') ? tf.sum(tf.mul(dy, normed), axes) : undefined,
      bias: needs('bias') ? tf.sum(dy, axes) : undefined,
    };
  },
};

function normalise(x: tf.Tensor, epsilon: number): { normed: tf.Tensor; inverse: tf.Tensor } {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
  return { normed: tf.mul(centred, inverse), inverse };
}
