import * as tf from '../backends/tf.js';
import { run } from '../ops/op.js';
import { ops } from '../ops/table.js';

const geluBy = (approximate: 'none' | 'tanh') => (x: tf.Tensor) => run(ops.gelu, { x }, { approximate });

/** The activations that configurations may name, as transformers' ACT2FN has them. */
const ACTIVATIONS = {
  gelu: geluBy('none'),
  gelu_python: geluBy('none'),
  // one function, written in five ways
  gelu_new: geluBy('tanh'),
  gelu_fast: geluBy('tanh'),
  gelu_accurate: geluBy('tanh'),
  gelu_pytorch_tanh: geluBy('tanh'),
  gelu_python_tanh: geluBy('tanh'),
  quick_gelu: (x: tf.Tensor) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))),
  linear: (x: tf.Tensor) => x,
  relu: (x: tf.Tensor) => tf.relu(x),
  relu6: (x: tf.Tensor) => tf.relu6(x),
  sigmoid: (x: tf.Tensor) => tf.sigmoid(x),
  silu: (x: tf.Tensor) => tf.mul(x, tf.sigmoid(x)),
  swish: (x: tf.Tensor) => tf.mul(x, tf.sigmoid(x)),
  tanh: (x: tf.Tensor) => tf.tanh(x),
};

export type Activation = keyof typeof ACTIVATIONS;

export const ACTIVATION_NAMES = Object.keys(ACTIVATIONS) as [Activation, ...Activation[]];

export function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  return ACTIVATIONS[activation](x);
}
