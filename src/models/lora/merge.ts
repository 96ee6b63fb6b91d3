import * as tf from '../../backends/tf.js';
import { adapterTensors, type LoraAdapter } from './adapter.js';

/** A layer's weight with its adapter in it: W + scale · B A, [out, in]; of DoRA each row at its own length. */
export function mergedWeight(adapter: LoraAdapter, layer: string, weight: tf.Tensor2D): tf.Tensor2D {
  const adapted = adapter.layers.get(layer);
  if (!adapted) throw new Error(`${layer} has no adapter`);
  const names = adapterTensors(layer);
  return tf.tidy(() => {
    const product = tf.matMul(adapter.weights.get(names.b), adapter.weights.get(names.a));
    const merged = tf.add(weight, tf.mul(product, adapted.scale));
    if (!adapter.config.dora) return merged as tf.Tensor2D;
    const norms = tf.sqrt(tf.sum(tf.square(merged), 1));
    return tf.mul(merged, tf.div(adapter.weights.get(names.magnitude), norms).expandDims(1)) as tf.Tensor2D;
  });
}
