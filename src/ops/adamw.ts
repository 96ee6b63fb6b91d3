import * as tf from '../backends/tf.js';
import { adamwKernel as heapKernel } from './heap/adamw.js';
import { native, type Op } from './op.js';
import { adamwKernel } from './tensorflow/adamw.js';

/** Lists of n tensors each, in the same order; m, v and gradients are shaped as the parameters. */
export type AdamwInputs = {
  parameters: readonly tf.Tensor[];
  gradients: readonly tf.Tensor[];
  /** First moments. */
  m: readonly tf.Tensor[];
  /** Second moments. */
  v: readonly tf.Tensor[];
  /**
   * [n, 4], numbers that change every step, as a tensor (an attribute would make a new kernel each step):
   * learning rate / (1 − β1ᵗ), 1 / √(1 − β2ᵗ), 1 − learning rate · weight decay, and what clipping multiplies the
   * gradient by.
   */
  step: tf.Tensor;
};

export interface AdamwAttributes {
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** The lists as they are after the step. */
export type AdamwOutputs = { parameters: tf.Tensor[]; m: tf.Tensor[]; v: tf.Tensor[] };

/**
 * One step of AdamW with decoupled weight decay (Loshchilov & Hutter 2019), as torch.optim.AdamW orders
 * it: parameter · (1 − lr·λ) − lr·m̂ / (√v̂ + ε). Parameters, m and v must be `owned`: where a kernel can, it changes
 * them in place and returns them; otherwise what it returns is new.
 */
export const adamw: Op<AdamwInputs, AdamwAttributes, AdamwOutputs> = {
  keepsOutput: false,
  kernels: { tensorflow: native(adamwKernel), wasm: heapKernel, cpu: heapKernel },
  gradient: null,
  forward({ parameters, gradients, m, v, step }, attributes) {
    const stepped = parameters.map((parameter, i) =>
      tf.tidy(() =>
        stepOne(parameter, gradients[i]!, m[i]!, v[i]!, step.slice([i, 0], [1, 4]).reshape([4]), attributes),
      ),
    );
    return {
      parameters: stepped.map((one) => one[0]),
      m: stepped.map((one) => one[1]),
      v: stepped.map((one) => one[2]),
    };
  },
};

function stepOne(
  parameter: tf.Tensor,
  gradient: tf.Tensor,
  m: tf.Tensor,
  v: tf.Tensor,
  step: tf.Tensor,
  { beta1, beta2, epsilon }: AdamwAttributes,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const [stepSize, correction, decay, clip] = tf.unstack(step) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const clipped = tf.mul(gradient, clip);
  const newM = tf.add(tf.mul(m, beta1), tf.mul(clipped, 1 - beta1));
  const newV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(clipped), 1 - beta2));
  const denominator = tf.add(tf.mul(tf.sqrt(newV), correction), epsilon);
  const update = tf.mul(tf.div(newM, denominator), stepSize);
  return [tf.sub(tf.mul(parameter, decay), update), newM, newV];
}
