import * as tf from '../backends/tf.js';
import { type DropoutAttributes, dropping } from './dropout.js';
import { native, type Op } from './op.js';
import { disentangledAttentionKernel } from './tensorflow/disentangledAttention.js';
import { visible } from './visible.js';

export type DisentangledAttentionInputs = {
  /** [B, T, H, d] */
  q: tf.Tensor;
  /** [B, T, H, d] */
  k: tf.Tensor;
  /** [B, T, H, d] */
  v: tf.Tensor;
  /** [R, H, d], the relative embeddings projected as keys: the content-to-position term; absent: no such term */
  relativeKeys?: tf.Tensor;
  /** [R, H, d], projected as queries: the position-to-content term */
  relativeQueries?: tf.Tensor;
  /** int32 [2T − 1]: the row of relativeKeys for query i and key j, at i − j + T − 1 */
  c2p?: tf.Tensor;
  /** int32 [2T − 1]: the row of relativeQueries for query i and key j, at i − j + T − 1 */
  p2c?: tf.Tensor;
  /** int32 [B, T]: 0 for tokens, −1 for padding */
  segments: tf.Tensor;
};

export interface DisentangledAttentionAttributes {
  /** 1 / √(d · (1 + the number of relative terms)) */
  scale: number;
  /** Of the probabilities, in training: element ((b·H + h)·T + i)·T + j of the mask. */
  dropout?: DropoutAttributes;
}

/**
 * DeBERTa's attention (He et al. 2021): the score of query i on key j is
 * scale · (q_i·k_j + q_i·K_δ(i,j) + k_j·Q_δ(j,i)), with K and Q the relative embeddings projected as keys
 * and queries. A query that sees nothing gives 0. Scores and probabilities are computed again in the backward
 * pass.
 * Returns [B, T, H, d].
 */
export const disentangledAttention: Op<DisentangledAttentionInputs, DisentangledAttentionAttributes> = {
  keepsOutput: false,
  kernels: { tensorflow: native(disentangledAttentionKernel), wasm: null, cpu: null },
  forward(inputs, attributes) {
    const { kept, values, rows, unfold } = attend(inputs, attributes);
    return tf.mul(unfold(tf.matMul(kept, values)), rows);
  },
  gradient(dy, inputs, attributes, _output, needs) {
    const [B, T, H, d] = inputs.q.shape as [number, number, number, number];
    const { probabilities, kept, drop, queries, keys, values, c2p, p2c, rows, fold, unfold } = attend(
      inputs,
      attributes,
    );
    const dOut = fold(tf.mul(dy, rows));
    const dV = needs('v') ? unfold(tf.matMul(kept, dOut, true, false)) : undefined;
    const dProbabilities = drop(tf.matMul(dOut, values, false, true));
    const inner = tf.sum(tf.mul(dProbabilities, probabilities), -1, true);
    const dScores = tf.mul(tf.mul(probabilities, tf.sub(dProbabilities, inner)), attributes.scale);
    const perHead = (x: tf.Tensor) => x.reshape([H, B * T, d]);
    let dQ = perHead(tf.matMul(dScores, keys));
    let dK = perHead(tf.matMul(dScores, queries, true, false));
    const gradients: { relativeKeys?: tf.Tensor; relativeQueries?: tf.Tensor } = {};
    if (c2p) {
      const R = c2p.table.shape[1]!;
      const dTerm = scatterRelative(dScores, c2p.index, R).reshape([H, B * T, R]);
      dQ = tf.add(dQ, tf.matMul(dTerm, c2p.table));
      if (needs('relativeKeys'))
        gradients.relativeKeys = tf.transpose(tf.matMul(dTerm, perHead(queries), true, false), [1, 0, 2]);
    }
    if (p2c) {
      const R = p2c.table.shape[1]!;
      const transposed = tf.transpose(dScores, [0, 2, 1]);
      const dTerm = scatterRelative(transposed, p2c.index, R).reshape([H, B * T, R]);
      dK = tf.add(dK, tf.matMul(dTerm, p2c.table));
      if (needs('relativeQueries'))
        gradients.relativeQueries = tf.transpose(tf.matMul(dTerm, perHead(keys), true, false), [1, 0, 2]);
    }
    return { q: unfold(dQ), k: unfold(dK), v: dV, ...gradients };
  },
};

/** Heads come first in here: one product per head serves the relative terms of the whole batch. */
function attend(inputs: DisentangledAttentionInputs, { scale, dropout }: DisentangledAttentionAttributes) {
  const [B, T, H, d] = inputs.q.shape as [number, number, number, number];
  const fold = (x: tf.Tensor) => tf.transpose(x, [2, 0, 1, 3]).reshape([H * B, T, d]);
  const unfold = (x: tf.Tensor) => tf.transpose(x.reshape([H, B, T, d]), [1, 2, 0, 3]);
  const [queries, keys, values] = [fold(inputs.q), fold(inputs.k), fold(inputs.v)];
  const c2p = relative(inputs.relativeKeys, inputs.c2p, (i, j) => [i, j], T);
  const p2c = relative(inputs.relativeQueries, inputs.p2c, (j, i) => [i, j], T);
  let scores: tf.Tensor = tf.matMul(queries, keys, false, true);
  if (c2p) {
    const term = tf.matMul(queries.reshape([H, B * T, d]), c2p.table, false, true);
    scores = tf.add(scores, gatherRelative(term, c2p.index, [H * B, T]));
  }
  if (p2c) {
    const term = tf.matMul(keys.reshape([H, B * T, d]), p2c.table, false, true);
    scores = tf.add(scores, tf.transpose(gatherRelative(term, p2c.index, [H * B, T]), [0, 2, 1]));
  }
  const { mask, rows } = visible(T, { segments: inputs.segments });
  const scaled = tf.mul(scores, scale).reshape([H, B, T, T]);
  const masked = tf.add(scaled, mask.reshape([1, B, T, T]));
  const probabilities = tf.softmax(masked).reshape([H * B, T, T]);
  const drop = droppingHeadsFirst([H, B, T], dropout);
  return {
    ...{ probabilities, kept: drop(probabilities), drop, queries, keys, values },
    ...{ c2p, p2c, rows, fold, unfold },
  };
}

/** The mask of [B, H, T, T] on [H · B, T, T]. */
function droppingHeadsFirst(
  [H, B, T]: [number, number, number],
  dropout: DropoutAttributes | undefined,
): (x: tf.Tensor) => tf.Tensor {
  if (!dropout) return (x) => x;
  const drop = dropping([B, H, T, T], dropout);
  const swap = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2, 3]);
  return (x) => swap(drop(swap(x.reshape([H, B, T, T])))).reshape(x.shape);
}

/**
 * A relative table heads first, [H, R, d], and at n·T + m, with R · n before it, the row that token n reads
 * for token m. `pair` says which of the two is query i and key j.
 */
function relative(
  rows: tf.Tensor | undefined,
  byDistance: tf.Tensor | undefined,
  pair: (n: number, m: number) => [number, number],
  T: number,
): { table: tf.Tensor; index: tf.Tensor1D } | undefined {
  if (!rows || !byDistance) return undefined;
  const R = rows.shape[0]!;
  const rowOf = byDistance.dataSync();
  const index = new Int32Array(T * T);
  for (let n = 0; n < T; n++) {
    for (let m = 0; m < T; m++) {
      const [i, j] = pair(n, m);
      index[n * T + m] = n * R + rowOf[i - j + T - 1]!;
    }
  }
  return { table: tf.transpose(rows, [1, 0, 2]), index: tf.tensor1d(index, 'int32') };
}

/** From a term for every relative row, [N·T, R] in any shape, the ones that pairs of tokens want: [N, T, T]. */
function gatherRelative(term: tf.Tensor, index: tf.Tensor1D, [N, T]: [number, number]): tf.Tensor {
  return tf.gather(term.reshape([N, -1]), index, 1).reshape([N, T, T]);
}

/** The transpose of gatherRelative: sums [N, T, T] into [N, T, R]. */
function scatterRelative(dGathered: tf.Tensor, index: tf.Tensor1D, R: number): tf.Tensor {
  const [N, T] = dGathered.shape as [number, number];
  const columns = tf.transpose(dGathered.reshape([N, T * T]));
  return tf.transpose(tf.unsortedSegmentSum(columns, index, T * R));
}
