import * as tf from '../backends/tf.js';
import { bitsAt } from '../support/random.js';
import { native, type Op } from './op.js';
import { dropoutKernel } from './tensorflow/dropout.js';

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
  kernels: { tensorflow: native(dropoutKernel), wasm: null, cpu: null },
  forward: ({ x }, attributes) => tf.mul(x, dropoutMask(x.shape, attributes)),
  reads: () => [],
  gradient: (dy, _inputs, attributes) => ({ x: tf.mul(dy, dropoutMask(dy.shape, attributes)) }),
};

/** For ops that drop out within: multiplies by one dropout mask, in the forward and the backward pass; the identity where there is none. */
export function dropping(
  shape: number[],
  dropout: DropoutAttributes | undefined,
): (x: tf.Tensor) => tf.Tensor {
  if (!dropout) return (x) => x;
  const mask = dropoutMask(shape, dropout);
  return (x) => tf.mul(x, mask);
}

/** 0 or 1 / (1 − rate) for each element of `shape`. */
function dropoutMask(shape: number[], { rate, key }: DropoutAttributes): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  const kept = 1 / (1 - rate);
  const threshold = Math.round(rate * 0x10000);
  // one hash serves two elements, 16 bits each
  for (let i = 0; i < values.length; i += 2) {
    const bits = bitsAt(key, i >> 1);
    values[i] = (bits & 0xffff) < threshold ? 0 : kept;
    if (i + 1 < values.length) values[i + 1] = bits >>> 16 < threshold ? 0 : kept;
  }
  return tf.tensor(values, shape);
}
