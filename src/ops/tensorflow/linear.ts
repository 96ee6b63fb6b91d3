import { executeOp } from '../../backends/tensorflow/raw.js';
import type * as tf from '../../backends/tf.js';

/**
 * Adds a bias to all rows of a product, in place, while it is in the processor's cache. TensorFlow's own product comes
 * close to what the processor can do; its fusion with a bias takes an attribute (a list of strings) that tfjs-node
 * cannot give.
 */
export function addBias(product: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  executeOp('TruecastAddBias', [product, bias]).dispose();
  return product;
}
