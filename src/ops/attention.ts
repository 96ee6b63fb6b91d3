import * as tf from '../backends/tf.js';
import { type DropoutAttributes, dropping } from './dropout.js';
import { native, type Op } from './op.js';
import { softCap, softCapSlope } from './softCap.js';
import { attentionKernel } from './tensorflow/attention.js';
import { visible } from './visible.js';

export type AttentionInputs = {
  /** [B, T, H, d]: the newest T of the S tokens */
  q: tf.Tensor;
  /** [B, S, G, d], G key-value heads, H a multiple of G */
  k: tf.Tensor;
  /** [B, S, G, d] */
  v: tf.Tensor;
  /** int32 [B, S]: who sees whom, see `visible`; −1 for padding */
  segments: tf.Tensor;
  /** int32 [B, S], with a window */
  positions?: tf.Tensor;
};

export interface AttentionAttributes {
  /** Of the products q·k, 1/√d as a rule. */
  scale: number;
  /** Soft cap c of the scores: c · tanh(scale · q·k / c), before the mask. */
  cap?: number;
  /** Queries see no key that comes later in the row. */
  causal?: boolean;
  /** Queries see only keys whose position is less than this many before their own. */
  window?: number;
  /** Of the probabilities, in training: element ((b·H + h)·T + t)·S + s of the mask. */
  dropout?: DropoutAttributes;
}

/**
 * softmax(scale · q kᵀ) v over the keys that a query sees, query head h reading key-value head ⌊h·G/H⌋, the
 * scores softly capped where asked for. A query that sees nothing gives 0 and passes no gradient on. The
 * gradient computes the probabilities again instead of keeping them: [B, H, T, S] is never held between the
 * passes.
 * Returns [B, T, H, d].
 */
export const attention: Op<AttentionInputs, AttentionAttributes> = {
  keepsOutput: false,
  kernels: { tensorflow: native(attentionKernel), wasm: null, cpu: null },
  forward(inputs, attributes) {
    const { kept, values, rows, unfold } = attend(inputs, attributes);
    return tf.mul(unfold(tf.matMul(kept, values)), rows);
  },
  gradient(dy, inputs, attributes, _output, needs) {
    const { probabilities, kept, drop, queries, keys, values, capped, rows, fold, unfold } = attend(
      inputs,
      attributes,
    );
    const dOut = fold(tf.mul(dy, rows));
    const dV = needs('v') ? swapped(tf.matMul(kept, dOut, true, false)) : undefined;
    if (!needs('q') && !needs('k')) return { v: dV };
    const dProbabilities = drop(tf.matMul(dOut, values, false, true));
    const inner = tf.sum(tf.mul(dProbabilities, probabilities), -1, true);
    const dCapped = tf.mul(probabilities, tf.sub(dProbabilities, inner));
    const { scale, cap } = attributes;
    const dScores = tf.mul(cap === undefined ? dCapped : tf.mul(dCapped, softCapSlope(capped, cap)), scale);
    return {
      q: needs('q') ? unfold(tf.matMul(dScores, keys)) : undefined,
      k: needs('k') ? swapped(tf.matMul(dScores, queries, true, false)) : undefined,
      v: dV,
    };
  },
};

/** Folds the H/G query heads of a group into its rows, so that keys and values are never repeated. */
function attend({ q, k, v, segments, positions }: AttentionInputs, attributes: AttentionAttributes) {
  const { scale, cap, causal, window, dropout } = attributes;
  const [B, T, H, d] = q.shape as [number, number, number, number];
  const [, S, G] = k.shape as [number, number, number];
  const fold = (x: tf.Tensor) => swapped(x).reshape([B, G, (H / G) * T, d]);
  const unfold = (x: tf.Tensor) => swapped(x.reshape([B, H, T, d]));
  const { mask, rows } = visible(T, { segments, positions, causal, window });
  const [queries, keys, values] = [fold(q), swapped(k), swapped(v)];
  const products = tf.matMul(queries, keys, false, true);
  const capped = cap === undefined ? tf.mul(products, scale) : softCap(products, cap, scale);
  const masked = tf.add(capped.reshape([B, H, T, S]), mask).reshape(capped.shape);
  const probabilities = tf.softmax(masked);
  const drop = dropping(probabilities.shape, dropout);
  return {
    ...{ probabilities, kept: drop(probabilities), drop, queries, keys, values, capped, rows },
    ...{ fold, unfold },
  };
}

/** [B, T, H, d] ↔ [B, H, T, d]; of one token or head they are in order already. */
function swapped(x: tf.Tensor): tf.Tensor {
  const [B, n, m, d] = x.shape as [number, number, number, number];
  return n === 1 || m === 1 ? x.reshape([B, m, n, d]) : x.transpose([0, 2, 1, 3]);
}
