import * as tf from '../backends/tf.js';
import { loraLinearKernel as heapKernel } from './heap/loraLinear.js';
import { dequantizeNf4, NF4_PARTS, type Nf4Tensors } from './nf4.js';
import { type Gradients, type Kernel, native, type Op } from './op.js';
import { loraLinearKernel as nativeKernel } from './tensorflow/loraLinear.js';
import { dequantizeOnTensorflow } from './tensorflow/nf4.js';

export type LoraLinearInputs = Partial<Nf4Tensors> & {
  /** [N, in] */
  x: tf.Tensor;
  /** [out, in]; absent where it is packed */
  weight?: tf.Tensor;
  /** [r, in], PEFT's lora_A.weight; absent: no adapter */
  a?: tf.Tensor;
  /** [out, r], PEFT's lora_B.weight */
  b?: tf.Tensor;
};

export interface LoraLinearAttributes {
  outFeatures: number;
  inFeatures: number;
  /** Of the adapter: alpha / r, or alpha / √r with rank-stabilised scaling. */
  scale?: number;
}

type Dequantize = (weight: Nf4Tensors, out: number, inputs: number) => tf.Tensor2D;

/**
 * A linear layer with its low-rank adapter where it has one: x Wᵀ + scale · (x aᵀ) bᵀ, [N, out] (Hu et al. 2021).
 * W is in float32, or packed in NF4 (Dettmers et al. 2023): then it is frozen, dequantised by either pass and let go.
 */
export const loraLinear: Op<LoraLinearInputs, LoraLinearAttributes> = {
  keepsOutput: false,
  kernels: {
    tensorflow: native(nativeKernel, composedWith(dequantizeOnTensorflow)),
    wasm: heapKernel,
    cpu: heapKernel,
  },
  ...composedWith(dequantizeNf4),
};

function composedWith(dequantize: Dequantize): Kernel<LoraLinearInputs, LoraLinearAttributes> {
  const weightOf = (inputs: LoraLinearInputs, { outFeatures, inFeatures }: LoraLinearAttributes) =>
    inputs.weight ?? dequantize(inputs as Nf4Tensors, outFeatures, inFeatures);
  return {
    forward: (inputs, attributes) =>
      withAdapter(tf.matMul(inputs.x, weightOf(inputs, attributes), false, true), inputs, attributes),
    reads: loraLinearReads,
    gradient: (dy, inputs, attributes, _output, needs) =>
      loraLinearGradients(dy, inputs, attributes, needs, () => tf.matMul(dy, weightOf(inputs, attributes))),
  };
}

/** What loraLinearGradients reads: a frozen layer needs no input of its own, only what it passes gradients through. */
export function loraLinearReads(
  needs: (input: keyof LoraLinearInputs) => boolean,
): readonly (keyof LoraLinearInputs)[] {
  const x = needs('a') || needs('b') || needs('weight');
  return ['weight', ...NF4_PARTS, 'a', 'b', ...(x ? (['x'] as const) : [])];
}

/** Adds the adapter's part to y = x Wᵀ. */
export function withAdapter(
  y: tf.Tensor,
  { x, a, b }: LoraLinearInputs,
  { scale = 1 }: LoraLinearAttributes,
): tf.Tensor {
  if (!a || !b) return y;
  return tf.add(y, tf.mul(tf.matMul(tf.matMul(x, a, false, true), b, false, true), scale));
}

/** All gradients, `throughWeight` giving dy W. */
export function loraLinearGradients(
  dy: tf.Tensor,
  { x, weight, a, b }: LoraLinearInputs,
  { scale = 1 }: LoraLinearAttributes,
  needs: (input: keyof LoraLinearInputs) => boolean,
  throughWeight: () => tf.Tensor,
): Gradients<LoraLinearInputs> {
  const dWeight = weight && needs('weight') ? tf.matMul(dy, x, true, false) : undefined;
  if (!a || !b) return { x: needs('x') ? throughWeight() : undefined, weight: dWeight };
  const dScaled = tf.mul(dy, scale);
  const dInner = tf.matMul(dScaled, b);
  return {
    weight: dWeight,
    x: needs('x') ? tf.add(throughWeight(), tf.matMul(dInner, a)) : undefined,
    a: needs('a') ? tf.matMul(dInner, x, true, false) : undefined,
    b: needs('b') ? tf.matMul(dScaled, tf.matMul(x, a, false, true), true, false) : undefined,
  };
}
