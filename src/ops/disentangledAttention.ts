import * as tf from '../backends/tf.js';
import { type DropoutAttributes, dropping } from './dropout.js';
import { composed, type Op } from './op.js';

export type DisentangledAttentionInputs = {
  /** [H, B, T, d] (heads first: one product per head serves the relative terms of the whole batch) */
  q: tf.Tensor;
  /** [H, B, T, d] */
  k: tf.Tensor;
  /** [H, B, T, d] */
  v: tf.Tensor;
  /** [H, R, d], the projected relative embeddings as keys: the content-to-position term; absent: no such term */
  relativeKeys?: tf.Tensor;
  /** [H, R, d], projected as queries: the position-to-content term */
  relativeQueries?: tf.Tensor;
  /** int32 [T · T]: i·R + the row of relativeKeys for query i and key j */
  contentToPosition?: tf.Tensor;
  /** int32 [T · T]: j·R + the row of relativeQueries for key j and query i, at j·T + i */
  positionToContent?: tf.Tensor;
  /** [1, B, 1 | T, T], added to the scores */
  mask: tf.Tensor;
};

export interface DisentangledAttentionAttributes {
  /** 1 / √(d · (1 + the number of relative terms)) */
  scale: number;
  /** Of the probabilities, in training. */
  dropout?: DropoutAttributes;
}

/**
 * DeBERTa's attention (He et al. 2021): the score of query i on key j is
 * scale · (q_i·k_j + q_i·K_δ(i,j) + k_j·Q_δ(j,i)), with K and Q the relative embeddings projected as keys
 * and queries. Scores and probabilities are computed again in the backward pass.
 * Returns [H, B, T, d].
 */
export const disentangledAttention: Op<DisentangledAttentionInputs, DisentangledAttentionAttributes> = {
  keepsOutput: false,
  kernels: composed,
  forward(inputs, attributes) {
    const { kept, values } = attend(inputs, attributes);
    return tf.matMul(kept, values).reshape(inputs.q.shape);
  },
  gradient(dy, inputs, attributes, _output, needs) {
    const { q, k, v, relativeKeys, relativeQueries, contentToPosition, positionToContent } = inputs;
    const [H, B, T, d] = q.shape as [number, number, number, number];
    const { probabilities, kept, drop, queries, keys, values } = attend(inputs, attributes);
    const dOut = dy.reshape([H * B, T, d]);
    const dV = needs('v') ? tf.matMul(kept, dOut, true, false).reshape(v.shape) : undefined;
    const dProbabilities = drop(tf.matMul(dOut, values, false, true));
    const inner = tf.sum(tf.mul(dProbabilities, probabilities), -1, true);
    const dScores = tf.mul(tf.mul(probabilities, tf.sub(dProbabilities, inner)), attributes.scale);
    let dQ = tf.matMul(dScores, keys).reshape([H, B * T, d]);
    let dK = tf.matMul(dScores, queries, true, false).reshape([H, B * T, d]);
    const gradients: { relativeKeys?: tf.Tensor; relativeQueries?: tf.Tensor } = {};
    if (relativeKeys && contentToPosition) {
      const R = relativeKeys.shape[1]!;
      const dTerm = scatterRelative(dScores, contentToPosition, R).reshape([H, B * T, R]);
      dQ = tf.add(dQ, tf.matMul(dTerm, relativeKeys));
      if (needs('relativeKeys')) {
        gradients.relativeKeys = tf.matMul(dTerm, q.reshape([H, B * T, d]), true, false);
      }
    }
    if (relativeQueries && positionToContent) {
      const R = relativeQueries.shape[1]!;
      const transposed = tf.transpose(dScores, [0, 2, 1]);
      const dTerm = scatterRelative(transposed, positionToContent, R).reshape([H, B * T, R]);
      dK = tf.add(dK, tf.matMul(dTerm, relativeQueries));
      if (needs('relativeQueries')) {
        gradients.relativeQueries = tf.matMul(dTerm, k.reshape([H, B * T, d]), true, false);
      }
    }
    return { q: dQ.reshape(q.shape), k: dK.reshape(k.shape), v: dV, ...gradients };
  },
};

function attend(inputs: DisentangledAttentionInputs, { scale, dropout }: DisentangledAttentionAttributes) {
  const { q, k, v, relativeKeys, relativeQueries, contentToPosition, positionToContent, mask } = inputs;
  const [H, B, T, d] = q.shape as [number, number, number, number];
  const queries = q.reshape([H * B, T, d]);
  const keys = k.reshape([H * B, T, d]);
  const values = v.reshape([H * B, T, d]);
  let scores: tf.Tensor = tf.matMul(queries, keys, false, true);
  if (relativeKeys && contentToPosition) {
    const term = tf.matMul(q.reshape([H, B * T, d]), relativeKeys, false, true);
    scores = tf.add(scores, gatherRelative(term, contentToPosition, [H * B, T]));
  }
  if (relativeQueries && positionToContent) {
    const term = tf.matMul(k.reshape([H, B * T, d]), relativeQueries, false, true);
    const gathered = gatherRelative(term, positionToContent, [H * B, T]);
    scores = tf.add(scores, tf.transpose(gathered, [0, 2, 1]));
  }
  const masked = tf.add(tf.mul(scores, scale).reshape([H, B, T, T]), mask);
  const probabilities = tf.softmax(masked).reshape([H * B, T, T]);
  const drop = dropping(probabilities.shape, dropout);
  return { probabilities, kept: drop(probabilities), drop, queries, keys, values };
}

/** From a term for every relative row, [N·T, R] in any shape, the ones that pairs (i, j) want: [N, T, T]. */
function gatherRelative(term: tf.Tensor, flatIndex: tf.Tensor, [N, T]: [number, number]): tf.Tensor {
  return tf.gather(term.reshape([N, -1]), flatIndex as tf.Tensor1D, 1).reshape([N, T, T]);
}

/** The transpose of gatherRelative: sums [N, T, T] into [N, T, R]. */
function scatterRelative(dGathered: tf.Tensor, flatIndex: tf.Tensor, R: number): tf.Tensor {
  const [N, T] = dGathered.shape as [number, number];
  const columns = tf.transpose(dGathered.reshape([N, T * T]));
  return tf.transpose(tf.unsortedSegmentSum(columns, flatIndex as tf.Tensor1D, T * R));
}
