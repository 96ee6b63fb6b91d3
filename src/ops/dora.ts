import * as tf from '../backends/tf.js';
import { composed, type Op } from './op.js';

export type DoraInputs = {
  /** [N, out]: x Wᵀ of the frozen layer */
  base: tf.Tensor;
  /** [N, in] */
  x: tf.Tensor;
  /** [r, in], PEFT's lora_A.weight */
  a: tf.Tensor;
  /** [out, r], PEFT's lora_B.weight */
  b: tf.Tensor;
  /** [out], PEFT's lora_magnitude_vector */
  magnitude: tf.Tensor;
  /** [out]: Euclidean norms of the rows of W + scale · b a; a constant, no gradient flows through it */
  norm: tf.Tensor;
};

export interface DoraAttributes {
  /** alpha / r, or alpha / √r with rank-stabilised scaling */
  scale: number;
}

/**
 * A linear layer with a weight-decomposed low-rank adapter: (base + scale · (x aᵀ) bᵀ) · magnitude / norm,
 * [N, out] (Liu et al. 2024, equation 5; the norm is held constant in the gradient as in section 4.3).
 */
export const dora: Op<DoraInputs, DoraAttributes> = {
  keepsOutput: false,
  kernels: composed,
  forward({ base, x, a, b, magnitude, norm }, { scale }) {
    return tf.mul(adapted(base, x, a, b, scale), tf.div(magnitude, norm));
  },
  reads(needs) {
    const adapted = needs('magnitude');
    const x = adapted || needs('a') || needs('b');
    return [
      'a',
      'b',
      'magnitude',
      'norm',
      ...(x ? (['x'] as const) : []),
      ...(adapted ? (['base'] as const) : []),
    ];
  },
  gradient(dy, { base, x, a, b, magnitude, norm }, { scale }, _output, needs) {
    const dAdapted = tf.mul(dy, tf.div(magnitude, norm));
    const dScaled = tf.mul(dAdapted, scale);
    const dInner = tf.matMul(dScaled, b);
    return {
      base: needs('base') ? dAdapted : undefined,
      x: needs('x') ? tf.matMul(dInner, a) : undefined,
      a: needs('a') ? tf.matMul(dInner, x, true, false) : undefined,
      b: needs('b') ? tf.matMul(dScaled, tf.matMul(x, a, false, true), true, false) : undefined,
      magnitude: needs('magnitude')
        ? tf.div(tf.sum(tf.mul(dy, adapted(base, x, a, b, scale)), 0), norm)
        : undefined,
    };
  },
};

function adapted(base: tf.Tensor, x: tf.Tensor, a: tf.Tensor, b: tf.Tensor, scale: number): tf.Tensor {
  return tf.add(base, tf.mul(tf.matMul(tf.matMul(x, a, false, true), b, false, true), scale));
}
