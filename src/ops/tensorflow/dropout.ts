import { executeOp } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import type { DropoutAttributes, DropoutInputs } from '../dropout.js';
import type { Kernel } from '../op.js';

/** The mask is made where it is used, from the same bits. */
export const dropoutKernel: Kernel<DropoutInputs, DropoutAttributes> = {
  forward: ({ x }, attributes) => drop(x, attributes),
  reads: () => [],
  gradient: (dy, _inputs, attributes) => ({ x: drop(dy, attributes) }),
};

function drop(x: tf.Tensor, { rate, key }: DropoutAttributes): tf.Tensor {
  return executeOp('TruecastDropout', [x, tf.tensor1d([key], 'int32')], { rate: { float: rate } });
}
