import * as tf from '../../backends/tf.js';
import { run } from '../../ops/op.js';
import { ops } from '../../ops/table.js';
import type { ForwardMode } from '../encoder.js';
import type { CausalBatch, GemmaForCausalLM } from './model.js';

/** A prompt and what follows it, as ids: the response ends with the token that ends a turn. */
export interface TokenizedResponse {
  prompt: readonly number[];
  response: readonly number[];
}

/** Rows whose logits are alive at a time in the log-probabilities. */
const LOGIT_ROWS = 512;

/**
 * log p(token | all before it) of every response token, the rows' responses one after another, and of each
 * token the row that it belongs to. Prompts count for nothing.
 */
export function responseLogProbs(
  model: GemmaForCausalLM,
  rows: readonly TokenizedResponse[],
  mode: ForwardMode,
): { logProbs: tf.Tensor1D; row: Int32Array } {
  const B = rows.length;
  const T = Math.max(...rows.map(({ prompt, response }) => prompt.length + response.length));
  const ids = new Int32Array(B * T);
  const segments = new Int32Array(B * T).fill(-1);
  const positions = new Int32Array(B * T);
  const places: number[] = [];
  const targets: number[] = [];
  const row: number[] = [];
  rows.forEach(({ prompt, response }, b) => {
    const all = [...prompt, ...response];
    ids.set(all, b * T);
    all.forEach((_, i) => {
      segments[b * T + i] = 0;
      positions[b * T + i] = i;
    });
    response.forEach((token, i) => {
      // the state of the token before it predicts it
      places.push(b * T + prompt.length + i - 1);
      targets.push(token);
      row.push(b);
    });
  });
  const batch: CausalBatch = {
    inputIds: tf.tensor2d(ids, [B, T], 'int32'),
    segments: tf.tensor2d(segments, [B, T], 'int32'),
    positions: tf.tensor2d(positions, [B, T], 'int32'),
  };
  const hidden = model.hiddenStates(batch, mode).reshape([B * T, -1]);
  const states = tf.gather(hidden, tf.tensor1d(Int32Array.from(places), 'int32'));
  const logProbs = run(
    ops.tokenLogProbs,
    { hidden: states, weight: model.headWeight, targets: tf.tensor1d(Int32Array.from(targets), 'int32') },
    { chunk: LOGIT_ROWS, cap: model.config.finalCap },
  ) as tf.Tensor1D;
  return { logProbs, row: Int32Array.from(row) };
}

/** Sums of token log-probabilities per row: [B]. */
export function sumByRow(logProbs: tf.Tensor1D, row: Int32Array, B: number): tf.Tensor1D {
  return tf.unsortedSegmentSum(logProbs, tf.tensor1d(row, 'int32'), B) as tf.Tensor1D;
}
