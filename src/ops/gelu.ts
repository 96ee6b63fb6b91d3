import * as tf from '../backends/tf.js';
import { native, type Op } from './op.js';
import { gegluKernel, geluKernel } from './tensorflow/gelu.js';

export type GeluInputs = { x: tf.Tensor };

export interface GeluAttributes {
  /** 'none': x·Φ(x) by erf. 'tanh': its tanh approximation (gelu_pytorch_tanh, gelu_new). */
  approximate: 'none' | 'tanh';
}

const INVERSE_SQRT2 = Math.SQRT1_2;
const TWICE_SQRT_2_OVER_PI = 2 * Math.sqrt(2 / Math.PI);
const INVERSE_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);
const CUBIC = 0.044715;

/** Gaussian error linear unit (Hendrycks & Gimpel 2016). */
export const gelu: Op<GeluInputs, GeluAttributes> = {
  keepsOutput: false,
  kernels: { tensorflow: native(geluKernel), wasm: null, cpu: null },
  forward: ({ x }, { approximate }) => tf.mul(x, gate(x, approximate)),
  gradient: (dy, { x }, { approximate }) => ({ x: tf.mul(dy, geluDerivative(x, approximate)) }),
};

export type GegluInputs = {
  /** [..., F] */
  gate: tf.Tensor;
  /** [..., F] */
  up: tf.Tensor;
};

/** gelu(gate) · up (Shazeer 2020). */
export const geglu: Op<GegluInputs, GeluAttributes> = {
  keepsOutput: false,
  kernels: { tensorflow: native(gegluKernel), wasm: null, cpu: null },
  forward: ({ gate: g, up }, { approximate }) => tf.mul(tf.mul(g, gate(g, approximate)), up),
  gradient: (dy, { gate: g, up }, { approximate }, _output, needs) => ({
    gate: needs('gate') ? tf.mul(tf.mul(dy, up), geluDerivative(g, approximate)) : undefined,
    up: needs('up') ? tf.mul(dy, tf.mul(g, gate(g, approximate))) : undefined,
  }),
};

/** Φ(x), or its approximation: ½(1 + tanh u) = σ(2u), which takes fewer passes. */
function gate(x: tf.Tensor, approximate: GeluAttributes['approximate']): tf.Tensor {
  if (approximate === 'none') return tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, INVERSE_SQRT2))));
  return tf.sigmoid(tf.mul(x, polynomial(x, CUBIC)));
}

/** √(8/π) · (1 + c x²) */
function polynomial(x: tf.Tensor, c: number): tf.Tensor {
  return tf.add(tf.mul(tf.square(x), c * TWICE_SQRT_2_OVER_PI), TWICE_SQRT_2_OVER_PI);
}

function geluDerivative(x: tf.Tensor, approximate: GeluAttributes['approximate']): tf.Tensor {
  if (approximate === 'none') {
    const density = tf.mul(INVERSE_SQRT_2PI, tf.exp(tf.mul(-0.5, tf.square(x))));
    return tf.add(gate(x, 'none'), tf.mul(x, density));
  }
  const s = gate(x, 'tanh');
  const slope = tf.mul(tf.mul(s, tf.sub(1, s)), polynomial(x, 3 * CUBIC));
  return tf.add(s, tf.mul(x, slope));
}
