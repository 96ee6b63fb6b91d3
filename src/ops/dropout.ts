import * as tf from '../backends/tf.js';
import { uniformAt } from '../support/random.js';
import { composed, type Op } from './op.js';

export type DropoutInputs = { x: tf.Tensor };

export interface DropoutAttributes {
  /** Share of elements set to zero, in [0, 1). */
  rate: number;
  /** Key of the counter-based mask: the same key gives the same mask, in the backward pass and after a resume. */
  key: number;
}

/** x · mask / (1 − rate). */
export const dropout: Op<DropoutInputs, DropoutAttributes> = {
  keepsOutput: false,
  kernels: composed,
  forward: ({ x }, attributes) => tf.mul(x, mask(x.shape, attributes)),
  gradient: (dy, _inputs, attributes) => ({ x: tf.mul(dy, mask(dy.shape, attributes)) }),
};

function mask(shape: number[], { rate, key }: DropoutAttributes): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  const kept = 1 / (1 - rate);
  for (let i = 0; i < values.length; i++) values[i] = uniformAt(key, i) < rate ? 0 : kept;
  return tf.tensor(values, shape);
}
