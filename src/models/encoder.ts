import * as tf from '../backends/tf.js';
import { run } from '../ops/op.js';
import { recompute } from '../ops/recompute.js';
import { ops } from '../ops/table.js';
import { randomKey } from '../support/random.js';
import { type Activation, activate } from './activations.js';
import type { ExpectedTensors, Weights } from './weights.js';

/** B texts of T tokens, padded on the right. */
export interface EncodedBatch {
  /** int32 [B, T] */
  inputIds: tf.Tensor2D;
  /** float32 [B, T]: 1 for tokens, 0 for padding */
  attentionMask: tf.Tensor2D;
  /** int32 [B, T]: 0 for the first text of a pair, 1 for the second; ignored by models without token types */
  tokenTypeIds: tf.Tensor2D;
}

/** How a forward pass runs. */
export interface ForwardMode {
  /** Key of this step's dropout masks; absent: no dropout. */
  dropoutKey?: number;
  /** Gradient checkpointing: layers keep their input alone and run again in the backward pass. */
  recompute?: boolean;
}

/** A text-pair classifier: DeBERTa, BERT, RoBERTa or XLM-RoBERTa with a head on the first token. */
export interface SequenceClassifier {
  readonly weights: Weights;
  readonly labels: number;
  /** The longest input, special tokens included. */
  readonly maxLength: number;
  readonly vocabularySize: number;
  /** Every tensor, by its name in transformers, with its shape. */
  expectedTensors(): ExpectedTensors;
  /** [B, labels] */
  logits(batch: EncodedBatch, mode?: ForwardMode): tf.Tensor2D;
}

/** Segments of attention, int32 [B, T]: one for all tokens of a row, none for padding. */
export function segmentsOf(batch: EncodedBatch): tf.Tensor2D {
  return tf.sub(tf.cast(batch.attentionMask, 'int32'), tf.scalar(1, 'int32'));
}

/** x Wᵀ + b over the last axis, weights `name.weight` [out, in] and, where present, `name.bias` [out]. */
export function linear(weights: Weights, name: string, x: tf.Tensor): tf.Tensor {
  const weight = weights.get(`${name}.weight`);
  const [out, inputs] = weight.shape as [number, number];
  const rows = x.reshape([-1, inputs]);
  const result = weights.has(`${name}.bias`)
    ? run(ops.linear, { x: rows, weight, bias: weights.get(`${name}.bias`) }, {})
    : tf.matMul(rows, weight, false, true);
  return result.reshape([...x.shape.slice(0, -1), out]);
}

export function layerNorm(weights: Weights, name: string, x: tf.Tensor, epsilon: number): tf.Tensor {
  const weight = weights.get(`${name}.weight`);
  return run(ops.layerNorm, { x, weight, bias: weights.get(`${name}.bias`) }, { epsilon });
}

/** LayerNorm(dropout(x) + residual), the dropout's site named by `path`. */
export function addAndNorm(
  weights: Weights,
  name: string,
  x: tf.Tensor,
  residual: tf.Tensor,
  config: { layerNormEps: number; hiddenDropout: number },
  mode: ForwardMode,
  ...path: (number | string)[]
): tf.Tensor {
  const [weight, bias] = [weights.get(`${name}.weight`), weights.get(`${name}.bias`)];
  const { layerNormEps: epsilon, hiddenDropout: rate } = config;
  const { dropoutKey } = mode;
  const dropout =
    dropoutKey === undefined || rate === 0 ? undefined : { rate, key: randomKey(dropoutKey, ...path) };
  return run(ops.layerNorm, { x, weight, bias, residual }, { epsilon, dropout });
}

/** Dropout of the site named by `path`; the identity where the mode has no key. */
export function dropout(
  x: tf.Tensor,
  rate: number,
  mode: ForwardMode,
  ...path: (number | string)[]
): tf.Tensor {
  if (mode.dropoutKey === undefined || rate === 0) return x;
  return run(ops.dropout, { x }, { rate, key: randomKey(mode.dropoutKey, ...path) });
}

/** The dropout of attention's probabilities in the layer `name`, as the ops take it. */
export function attentionDropout(rate: number, mode: ForwardMode, name: string) {
  if (mode.dropoutKey === undefined || rate === 0) return {};
  return { dropout: { rate, key: randomKey(mode.dropoutKey, name, 'probabilities') } };
}

/** Rows of an embedding table: [B, T] → [B, T, D]. */
export function embed(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  return tf.gather(table, ids.reshape([-1]) as tf.Tensor1D).reshape([...ids.shape, table.shape[1]!]);
}

/** The batch's token types; a model that knows only one gives it to every token. */
export function tokenTypes(batch: EncodedBatch, config: { type_vocab_size: number }): tf.Tensor {
  return config.type_vocab_size > 1 ? batch.tokenTypeIds : tf.zerosLike(batch.tokenTypeIds);
}

/** The second half of an encoder layer, as all BERTs have it: LayerNorm(x + W₂ act(W₁ x)). */
export function feedForward(
  weights: Weights,
  layer: string,
  x: tf.Tensor,
  config: { hiddenAct: Activation; layerNormEps: number; hiddenDropout: number },
  mode: ForwardMode,
): tf.Tensor {
  const inner = activate(linear(weights, `${layer}.intermediate.dense`, x), config.hiddenAct);
  const outer = linear(weights, `${layer}.output.dense`, inner);
  return addAndNorm(weights, `${layer}.output.LayerNorm`, outer, x, config, mode, layer, 'output');
}

/** Runs one layer, keeping or recomputing what it makes. `prefix` names the layer's weights. */
export function runLayer(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  weights: Weights,
  prefix: string,
  mode: ForwardMode,
): tf.Tensor {
  if (!mode.recompute) return tf.tidy(() => f(...inputs));
  return recompute(
    f,
    inputs,
    weights.under(prefix).map((name) => weights.get(name)),
  );
}

/** [first, …] of every row: [B, T, D] → [B, D]. */
export function firstToken(hidden: tf.Tensor): tf.Tensor {
  const [B, , D] = hidden.shape as [number, number, number];
  return hidden.slice([0, 0, 0], [B, 1, D]).reshape([B, D]);
}
