import * as tf from '../../backends/tf.js';

export interface SamplingOptions {
  /** 0: greedy. */
  temperature: number;
  /** Only the k likeliest tokens; 0: all. */
  topK: number;
  /** Only the likeliest tokens that together reach this probability; 1: all. */
  topP: number;
}

/**
 * Draws one token per row, on the device, by inverting the cumulative distribution at `u`.
 *
 * @param logits [B, V]
 * @param u [B, 1], uniform in [0, 1)
 * @returns int32 [B]
 */
export function sampleTokens(logits: tf.Tensor2D, u: tf.Tensor2D, options: SamplingOptions): tf.Tensor1D {
  const { temperature, topK, topP } = options;
  if (temperature === 0) return tf.argMax(logits, 1);
  const V = logits.shape[1];
  const scaled = tf.div(logits, temperature) as tf.Tensor2D;
  const restricted = (topK > 0 && topK < V) || topP < 1;
  if (!restricted) return tf.cast(invert(tf.softmax(scaled), u, V), 'int32');
  const { values, indices } = tf.topk(scaled, topK > 0 ? Math.min(topK, V) : V, true);
  const k = values.shape[1]!;
  const probabilities = tf.softmax(values) as tf.Tensor2D;
  const before = tf.cumsum(probabilities, 1, true);
  const kept = tf.mul(probabilities, tf.cast(tf.less(before, topP), 'float32')) as tf.Tensor2D;
  const place = tf.cast(invert(kept, u, k), 'int32');
  const rows = tf.mul(tf.range(0, place.shape[0], 1, 'int32'), tf.scalar(k, 'int32'));
  return tf.gather(indices.reshape([-1]), tf.add(rows, place) as tf.Tensor1D);
}

/** The first place where the cumulative sum exceeds u · total, never one of no probability: float32 [B]. */
function invert(weights: tf.Tensor2D, u: tf.Tensor2D, size: number): tf.Tensor1D {
  const cumulative = tf.cumsum(weights, 1);
  const total = cumulative.slice([0, size - 1], [-1, 1]);
  const passed = tf.sum(tf.cast(tf.lessEqual(cumulative, tf.mul(u, total)), 'float32'), 1);
  // where rounding lets u · total reach the end, the last place that has any probability
  const last = tf.sum(tf.cast(tf.less(cumulative, total), 'float32'), 1);
  return tf.minimum(passed, last);
}
