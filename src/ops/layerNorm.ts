import * as tf from '../backends/tf.js';
import { type DropoutAttributes, dropping } from './dropout.js';
import { native, type Op } from './op.js';
import { layerNormKernel } from './tensorflow/layerNorm.js';

export type LayerNormInputs = {
  /** [..., D] */
  x: tf.Tensor;
  /** [D] */
  weight: tf.Tensor;
  /** [D] */
  bias: tf.Tensor;
  /** [..., D]; added to x before */
  residual?: tf.Tensor;
};

export interface LayerNormAttributes {
  epsilon: number;
  /** Of x, before the residual is added. */
  dropout?: DropoutAttributes;
}

/**
 * y = (s − mean(s)) / sqrt(var(s) + ε) · weight + bias, over the last axis (biased variance), of
 * s = dropout(x) + residual.
 */
export const layerNorm: Op<LayerNormInputs, LayerNormAttributes> = {
  keepsOutput: false,
  kernels: { tensorflow: native(layerNormKernel), wasm: null, cpu: null },
  forward({ weight, bias, ...summands }, { epsilon, dropout }) {
    const { normed } = normalise(summed(summands, dropout), epsilon);
    return tf.add(tf.mul(normed, weight), bias);
  },
  reads: () => ['x', 'weight', 'residual'],
  gradient(dy, { weight, bias: _bias, ...summands }, { epsilon, dropout }, _output, needs) {
    const { normed, inverse } = normalise(summed(summands, dropout), epsilon);
    const axes = dy.shape.slice(0, -1).map((_, i) => i);
    const dNormed = tf.mul(dy, weight);
    const dSummed = () => {
      const centred = tf.sub(dNormed, tf.mean(dNormed, -1, true));
      const along = tf.mul(normed, tf.mean(tf.mul(dNormed, normed), -1, true));
      return tf.mul(inverse, tf.sub(centred, along));
    };
    const shared = needs('x') || needs('residual') ? dSummed() : undefined;
    return {
      x: needs('x') ? dropping(dy.shape, dropout)(shared!).clone() : undefined,
      residual: needs('residual') ? shared!.clone() : undefined,
      weight: needs('weight') ? tf.sum(tf.mul(dy, normed), axes) : undefined,
      bias: needs('bias') ? tf.sum(dy, axes) : undefined,
    };
  },
};

function summed(
  { x, residual }: Pick<LayerNormInputs, 'x' | 'residual'>,
  dropout: DropoutAttributes | undefined,
): tf.Tensor {
  const dropped = dropping(x.shape, dropout)(x);
  return residual ? tf.add(dropped, residual) : dropped;
}

function normalise(x: tf.Tensor, epsilon: number): { normed: tf.Tensor; inverse: tf.Tensor } {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
  return { normed: tf.mul(centred, inverse), inverse };
}
