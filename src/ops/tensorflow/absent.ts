import * as tf from '../../backends/tf.js';

/** What stands for an optional input that is absent: a tensor of no elements. */
export function absent(dtype: 'float32' | 'int32' = 'float32'): tf.Tensor {
  return tf.tensor1d([], dtype);
}
