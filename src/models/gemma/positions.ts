import * as tf from '../../backends/tf.js';
import { HIDDEN } from '../encoder.js';
import type { GemmaConfig, LayerAttention, RopeConfig } from './config.js';
import type { CausalBatch } from './model.js';

/** What layers that attend alike share in a forward pass. */
export interface AttentionTensors {
  /** [B, 1, T, d] */
  cos: tf.Tensor;
  /** [B, 1, T, d] */
  sin: tf.Tensor;
  /** [B, 1, T | 1, K], added to the scores of the K newest keys: all, or with a window T + window − 1 at most */
  mask: tf.Tensor;
}

/** The rotations and masks of a batch, made once for all layers that attend alike. */
export function attentionTensors(
  config: GemmaConfig,
  batch: CausalBatch,
): ReadonlyMap<LayerAttention, AttentionTensors> {
  const T = batch.inputIds.shape[1];
  const S = batch.attentionMask.shape[1];
  const ropes = new Map<RopeConfig, [tf.Tensor, tf.Tensor]>();
  const masks = new Map<number | undefined, tf.Tensor>();
  const shared = new Map<LayerAttention, AttentionTensors>();
  for (const attention of new Set(config.layers)) {
    const { rope } = attention;
    // a window that no query leaves is none
    const window = attention.window !== undefined && attention.window < S ? attention.window : undefined;
    const rotation = ropes.get(rope) ?? rotations(batch.positions, config.head_dim, rope);
    const mask = masks.get(window) ?? causalMask(batch.attentionMask, T, window);
    ropes.set(rope, rotation);
    masks.set(window, mask);
    shared.set(attention, { cos: rotation[0], sin: rotation[1], mask });
  }
  return shared;
}

/** Of keys or values [B, G, S, d] those that the token after them sees: it is one of its window itself. */
export function seenNext(x: tf.Tensor, window: number | undefined): tf.Tensor {
  const [B, G, S, d] = x.shape as [number, number, number, number];
  if (window === undefined || S < window) return x;
  return x.slice([0, 0, S - (window - 1), 0], [B, G, window - 1, d]);
}

/** cos and sin [B, 1, T, d] of position / factor · θ^(−2i/d), the d/2 frequencies twice. */
function rotations(positions: tf.Tensor2D, d: number, { theta, factor }: RopeConfig): [tf.Tensor, tf.Tensor] {
  // in float32 at every step, as transformers computes it: far tokens multiply the last bits
  const half = Float32Array.from({ length: d / 2 }, (_, i) => {
    const wavelength = Math.fround(theta ** Math.fround((2 * i) / d));
    return Math.fround(1 / wavelength) / factor;
  });
  const [B, T] = positions.shape;
  const frequencies = tf.tensor(half, [1, 1, 1, d / 2]);
  const angles = tf.mul(tf.cast(positions, 'float32').reshape([B, 1, T, 1]), frequencies);
  const twice = tf.concat([angles, angles], 3);
  return [tf.cos(twice), tf.sin(twice)];
}

/** Query i of the newest T tokens sees the keys up to its own place, `window` at most, and no padding. */
function causalMask(attentionMask: tf.Tensor2D, T: number, window: number | undefined): tf.Tensor {
  const [B, S] = attentionMask.shape;
  const K = window === undefined ? S : Math.min(S, T + window - 1);
  const newest = attentionMask.slice([0, S - K], [B, K]);
  const padding = tf.mul(tf.sub(1, newest), HIDDEN).reshape([B, 1, 1, K]);
  if (T === 1) return padding;
  const hidden = new Float32Array(T * K);
  for (let i = 0; i < T; i++) {
    const own = K - T + i;
    hidden.fill(HIDDEN, i * K + own + 1, (i + 1) * K);
    if (window !== undefined) hidden.fill(HIDDEN, i * K, i * K + Math.max(0, own - window + 1));
  }
  return tf.maximum(tf.add(padding, tf.tensor(hidden, [1, 1, T, K])), HIDDEN);
}
