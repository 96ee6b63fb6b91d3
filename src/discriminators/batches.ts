import * as tf from '../backends/tf.js';
import type { EncodedBatch } from '../models/encoder.js';
import type { TokenizedInput } from '../models/tokenizer.js';

/** Lengths are rounded up to this, so that few different shapes occur. */
const LENGTH_STEP = 8;

export function paddedLength(longest: number): number {
  return Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP;
}

/**
 * Cuts inputs into batches of like lengths, so that little padding is computed: indices, the longest first
 * (the largest batch shows at once whether memory suffices).
 *
 * @param tokens the most tokens of a batch, padding included
 */
export function batchesByLength(lengths: readonly number[], tokens: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: number[][] = [];
  let batch: number[] = [];
  let width = 0;
  for (const index of order) {
    if (batch.length === 0) width = paddedLength(lengths[index]!);
    if (batch.length > 0 && (batch.length + 1) * width > tokens) {
      batches.push(batch);
      batch = [];
      width = paddedLength(lengths[index]!);
    }
    batch.push(index);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/**
 * Tensors of a batch, padded on the right.
 *
 * @param maxLength the model's: padding adds no token beyond it
 */
export function encodeBatch(
  inputs: readonly TokenizedInput[],
  padding: number,
  maxLength: number,
): EncodedBatch {
  const B = inputs.length;
  const T = Math.min(paddedLength(Math.max(...inputs.map(({ ids }) => ids.length))), maxLength);
  const ids = new Int32Array(B * T).fill(padding);
  const types = new Int32Array(B * T);
  const mask = new Float32Array(B * T);
  inputs.forEach((input, row) => {
    ids.set(input.ids, row * T);
    types.set(input.typeIds, row * T);
    mask.fill(1, row * T, row * T + input.ids.length);
  });
  return {
    inputIds: tf.tensor2d(ids, [B, T], 'int32'),
    attentionMask: tf.tensor2d(mask, [B, T]),
    tokenTypeIds: tf.tensor2d(types, [B, T], 'int32'),
  };
}
