import * as tf from '../backends/tf.js';
import { type DropoutAttributes, dropping } from './dropout.js';
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
  /** Of the probabilities, in training. */
  dropout?: DropoutAttributes;
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
    const { kept } = attend(q, k, mask, attributes);
    return tf.matMul(kept, v).reshape(q.shape);
  },
  gradient(dy, { q, k, v, mask }, attributes, _output, needs) {
    const { probabilities, kept, drop, queries, capped } = attend(q, k, mask, attributes);
    const dOut = dy.reshape(queries.shape);
    const dV = needs('v') ? tf.matMul(kept, dOut, true, false) : undefined;
    if (!needs('q') && !needs('k')) return { v: dV };
    const dProbabilities = drop(tf.matMul(dOut, v, false, true));
    const inner = tf.sum(tf.mul(dProbabilities, probabilities), -1, true);
    const dCapped = tf.mul(probabilities, tf.sub(dProbabilities, inner));
    const { scale, cap } = attributes;
    const dScores = tf.mul(cap === undefined ? dCapped : tf.mul(dCapped, softCapSlope(capped, cap)), scale);
    return {
      q: needs('q') ? tf.matMul(dScores, k).reshape(q.shape) : undefined,
      k: needs('k') ? tf.matMul(dScores, queries, true, false) : undefined,
      v: dV,
    };
  },
};

/** Folds the H/G query heads of a group into its rows, so that keys and values are never repeated. */
function attend(
  q: tf.Tensor,
  k: tf.Tensor,
  mask: tf.Tensor | undefined,
  { scale, cap, dropout }: AttentionAttributes,
) {
  const [B, H, T, d] = q.shape as [number, number, number, number];
  const [, G, S] = k.shape as [number, number, number];
  const queries = q.reshape([B, G, (H / G) * T, d]);
  const products = tf.matMul(queries, k, false, true);
  const capped = cap === undefined ? tf.mul(products, scale) : softCap(products, cap, scale);
  const probabilities = tf.softmax(masked(capped, mask, [B, H, T, S]));
  const drop = dropping(probabilities.shape, dropout);
  return { probabilities, kept: drop(probabilities), drop, queries, capped };
}

/** Adds the mask to the folded scores, by way of `shape` where it differs from query to query. */
function masked(scores: tf.Tensor, mask: tf.Tensor | undefined, shape: number[]): tf.Tensor {
  if (!mask) return scores;
  if (mask.shape[2] === 1) return tf.add(scores, mask);
  return tf.add(scores.reshape(shape), mask).reshape(scores.shape);
}
