import * as tf from '../backends/tf.js';

/** cap · tanh(scale · x / cap): scale · x where that is small, never beyond ±cap (Gemma 2). */
export function softCap(x: tf.Tensor, cap: number, scale = 1): tf.Tensor {
  return tf.mul(tf.tanh(tf.mul(x, scale / cap)), cap);
}

/** The derivative of `softCap` by scale · x, from its value: 1 − (capped / cap)². */
export function softCapSlope(capped: tf.Tensor, cap: number): tf.Tensor {
  return tf.sub(1, tf.square(tf.div(capped, cap)));
}
