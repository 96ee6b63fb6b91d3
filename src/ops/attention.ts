import * as tf from '../backends/tf.js';
import { composed, type Op } from './op.js';

export type AttentionInputs = {
  /** [B, H, T, d] */
  q: tf.Tensor;
  /** [B, G, S, d], G key-value heads, H a multiple of G */
  k: tf.Tensor;
  /** [B, G, S, d] */
  v: tf.Tensor;
  /** [B | 1, 1, T | 1, S], added to the scores: 0 to see, a large negative number to hide */
  mask?: tf.Tensor;
};

export interface AttentionAttributes {
  /** Of the products q·k, 1/√d as a rule. */
  scale: number;
}

/**
 * softmax(scale · q kᵀ + mask) v, query head h reading key-value head ⌊h·G/H⌋. The gradient computes the
 * probabilities again instead of keeping them: [B, H, T, S] is never held between the passes.
 */
export const attention: Op<AttentionInputs, AttentionAttributes> = {
  keepsOutput: false,
  kernels: composed,
  forward({ q, k, v, mask }, { scale }) {
    const { probabilities, values } = attend(q, k, v, mask, scale);
    return tf.matMul(probabilities, values).reshape(q.shape);
  },
  gradient(dy, { q, k, v, mask }, { scale }, _output, needs) {
    const { probabilities, keys, values, queries } = attend(q, k, v, mask, scale);
    const dOut = dy.reshape(queries.shape);
    const dV = needs('v') ? tf.matMul(probabilities, dOut, true, false).reshape(v.shape) : undefined;
    if (!needs('q') && !needs('k')) return { v: dV };
    const dProbabilities = tf.matMul(dOut, values, false, true);
    const inner = tf.sum(tf.mul(dProbabilities, probabilities), -1, true);
    const dScores = tf.mul(tf.mul(probabilities, tf.sub(dProbabilities, inner)), scale);
    return {
      q: needs('q') ? tf.matMul(dScores, keys).reshape(q.shape) : undefined,
      k: needs('k') ? tf.matMul(dScores, queries, true, false).reshape(k.shape) : undefined,
      v: dV,
    };
  },
};

/** Folds the H/G query heads of a group into its rows, so that keys and values are never repeated. */
function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, mask: tf.Tensor | undefined, scale: number) {
  const [B, H, T, d] = q.shape as [number, number, number, number];
  const [, G, S] = k.shape as [number, number, number];
  const queries = q.reshape([B * G, (H / G) * T, d]);
  const keys = k.reshape([B * G, S, d]);
  const values = v.reshape([B * G, S, d]);
  const products = tf.mul(tf.matMul(queries, keys, false, true), scale).reshape([B, H, T, S]);
  const scores = mask ? tf.add(products, mask) : products;
  const probabilities = tf.softmax(scores).reshape([B * G, (H / G) * T, S]);
  return { probabilities, queries, keys, values };
}
