import * as tf from '../backends/tf.js';
import type { EncodedBatch } from '../models/encoder.js';
import type { TokenizedInput } from '../models/tokenizer.js';

/** Lengths are rounded up to this, so that few different shapes occur. */
const LENGTH_STEP = 8;

export function paddedLength(longest: number): number {
  return Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP;
}

/** What a forward pass costs besides its tokens, in tokens: a shorter batch must save more padding than this. */
export const PASS_TOKENS = 128;

/**
 * Cuts inputs into batches of like lengths, at the places that cost least in padding and passes: indices, the
 * longest first (the largest batch shows at once whether memory suffices).
 *
 * @param tokens the most tokens of a batch, padding included; a longer input is a batch by itself
 */
export function batchesByLength(lengths: readonly number[], tokens: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const n = order.length;
  // cost[i]: of the inputs from the i-th on; size[i]: of their first batch
  const cost = new Float64Array(n + 1);
  const size = new Int32Array(n);
  for (let i = n - 1; i >= 0; i--) {
    const width = paddedLength(lengths[order[i]!]!);
    const most = Math.min(n - i, Math.max(1, Math.floor(tokens / width)));
    cost[i] = Number.POSITIVE_INFINITY;
    for (let count = most; count > 0; count--) {
      const total = count * width + PASS_TOKENS + cost[i + count]!;
      if (total < cost[i]!) [cost[i], size[i]] = [total, count];
    }
  }
  const batches: number[][] = [];
  for (let i = 0; i < n; i += size[i]!) batches.push(order.slice(i, i + size[i]!));
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
