import * as tf from '../../backends/tf.js';
import type { DropoutAttributes } from '../dropout.js';

/** An optional input that is not there. */
export function absent(dtype: 'float32' | 'int32' = 'float32'): tf.Tensor {
  return tf.tensor1d([], dtype);
}

/** The key of a dropout mask as an input: an attribute would make a kernel of each. */
export function dropoutKey(dropout: DropoutAttributes | undefined): tf.Tensor {
  return dropout ? tf.tensor1d([dropout.key], 'int32') : absent('int32');
}
