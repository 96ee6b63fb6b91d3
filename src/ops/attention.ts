import * as tf from '../backends/tf.js';
import { composed, type Op } from './op.js';
import { softCap, softCapSlope } from './softCap.js';

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
  /** Soft cap c of the scores: c · tanh(scale · q·k / c), before the mask. */
  cap?: number;
}

/**
 * softmax(scale · q kᵀ + mask) v, query head h reading key-value head ⌊h·G/H⌋, the scores softly capped where
 * asked for. The gradient computes the probabilities again instead of keeping them: [B, H, T, S] is never
 * held between the passes.
 */
export const attention: Op<AttentionInputs, AttentionAttributes> = {
  keepsOutput: false,
  kernels: composed,
  forward({ q, k, v, mask }, attributes) {
    const { probabilities, values } = attend(q, k, v, mask, attributes);
    return tf.matMul(probabilities, values).reshape(q.shape);
  },
  gradient(dy, { q, k, v, mask }, attributes, _output, needs) {
    const { probabilities, keys, values, queries, capped } = attend(q, k, v, mask, attributes);
    const dOut = dy.reshape(queries.shape);
    const dV = needs('v') ? tf.matMul(probabilities, dOut, true, false).reshape(v.shape) : undefined;
    if (!needs('q') && !needs('k')) return { v: dV };
    const dProbabilities = tf.matMul(dOut, values, false, true);
    const inner = tf.sum(tf.mul(dProbabilities, probabilities), -1, true);
    const dCapped = tf.mul(probabilities, tf.sub(dProbabilities, inner));
    const { scale, cap } = attributes;
    const dScores = tf.mul(cap === undefined ? dCapped : tf.mul(dCapped, softCapSlope(capped, cap)), scale);
    return {
      q: needs('q') ? tf.matMul(dScores, keys).reshape(q.shape) : undefined,
      k: needs('k') ? tf.matMul(dScores, queries, true, false).reshape(k.shape) : undefined,
      v: dV,
    };
  },
};

/** Folds the H/G query heads of a group into its rows, so that keys and values are never repeated. */
function attend(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  mask: tf.Tensor | undefined,
  { scale, cap }: AttentionAttributes,
) {
  const [B, H, T, d] = q.shape as [number, number, number, number];
  const [, G, S] = k.shape as [number, number, number];
  const queries = q.reshape([B * G, (H / G) * T, d]);
  const keys = k.reshape([B * G, S, d]);
  const values = v.reshape([B * G, S, d]);
  const products = tf.matMul(queries, keys, false, true);
  const capped = cap === undefined ? tf.mul(products, scale) : softCap(products, cap, scale);
  const scores = mask ? tf.add(capped.reshape([B, H, T, S]), mask) : capped;
  const probabilities = tf.softmax(scores).reshape([B * G, (H / G) * T, S]);
  return { probabilities, queries, keys, values, capped };
}
