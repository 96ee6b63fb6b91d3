import * as tf from '../../backends/tf.js';
import type { GemmaConfig, LayerAttention, RopeConfig } from './config.js';
import type { CausalBatch } from './model.js';

/** What layers that attend alike share in a forward pass. */
export interface AttentionTensors {
  /** [B, T, d] */
  cos: tf.Tensor;
  /** [B, T, d] */
  sin: tf.Tensor;
  /** int32 [B, K], of the K newest tokens: all, or with a window T + window − 1 at most */
  segments: tf.Tensor;
  /** int32 [B, K], as segments; of every layer, but read by those with a window alone */
  positions: tf.Tensor;
}

/** The rotations and segments of a batch, made once for all layers that attend alike. */
export function attentionTensors(
  config: GemmaConfig,
  batch: CausalBatch,
): ReadonlyMap<LayerAttention, AttentionTensors> {
  const T = batch.inputIds.shape[1];
  const S = batch.segments.shape[1];
  const ropes = new Map<RopeConfig, [tf.Tensor, tf.Tensor]>();
  const shared = new Map<LayerAttention, AttentionTensors>();
  for (const attention of new Set(config.layers)) {
    const { rope, window } = attention;
    const rotation = ropes.get(rope) ?? rotations(newest(batch.positions, T), config.head_dim, rope);
    ropes.set(rope, rotation);
    // what a cache keeps of the tokens before the batch's: see seenNext
    const K = window === undefined ? S : Math.min(S, T + window - 1);
    shared.set(attention, {
      cos: rotation[0],
      sin: rotation[1],
      segments: newest(batch.segments, K),
      positions: newest(batch.positions, K),
    });
  }
  return shared;
}

/** The window of a layer among `keys` keys: one that no query leaves is none. */
export function effectiveWindow({ window }: LayerAttention, keys: number): number | undefined {
  return window !== undefined && window < keys ? window : undefined;
}

/** Of keys or values [B, S, G, d] those that the token after them sees: it is one of its window itself. */
export function seenNext(x: tf.Tensor, window: number | undefined): tf.Tensor {
  const [B, S, G, d] = x.shape as [number, number, number, number];
  if (window === undefined || S < window) return x;
  return x.slice([0, S - (window - 1), 0, 0], [B, window - 1, G, d]);
}

/** The last `count` columns of [B, S]. */
function newest(x: tf.Tensor2D, count: number): tf.Tensor2D {
  const [B, S] = x.shape;
  return count === S ? x : x.slice([0, S - count], [B, count]);
}

/** cos and sin [B, T, d] of position / factor · θ^(−2i/d), the d/2 frequencies twice. */
function rotations(positions: tf.Tensor2D, d: number, { theta, factor }: RopeConfig): [tf.Tensor, tf.Tensor] {
  // in float32 at every step, as transformers computes it: far tokens multiply the last bits
  const half = Float32Array.from({ length: d / 2 }, (_, i) => {
    const wavelength = Math.fround(theta ** Math.fround((2 * i) / d));
    return Math.fround(1 / wavelength) / factor;
  });
  const [B, T] = positions.shape;
  const frequencies = tf.tensor(half, [1, 1, d / 2]);
  const angles = tf.mul(tf.cast(positions, 'float32').reshape([B, T, 1]), frequencies);
  const twice = tf.concat([angles, angles], 2);
  return [tf.cos(twice), tf.sin(twice)];
}
