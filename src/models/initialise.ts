import * as tf from '../backends/tf.js';
import { normalAt, randomKey } from '../support/random.js';
import type { ExpectedTensors, Weights } from './weights.js';

/** Standard deviation of fresh weights (transformers' initializer_range). */
const INITIALIZER_RANGE = 0.02;

/** Fills a model's weights as transformers initialises them: normal matrices, zero biases, unit norms. */
export function initialiseWeights(weights: Weights, expected: ExpectedTensors, seed: number): void {
  for (const [name, shape] of expected) weights.set(name, freshTensor(name, shape, seed));
}

export function freshTensor(name: string, shape: readonly number[], seed: number): tf.Tensor {
  if (name.endsWith('.bias')) return tf.zeros([...shape]);
  if (/LayerNorm\.weight$/.test(name)) return tf.ones([...shape]);
  // Gemma stores its norms' weights minus one
  if (/(layernorm|[._]norm)\.weight$/.test(name)) return tf.zeros([...shape]);
  const key = randomKey(seed, 'init', name);
  const size = tf.util.sizeFromShape([...shape]);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => INITIALIZER_RANGE * normalAt(key, i)),
    [...shape],
  );
}
