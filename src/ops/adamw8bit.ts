import * as tf from '../backends/tf.js';
import type { AdamwAttributes, AdamwInputs, AdamwOutputs } from './adamw.js';
import { byteTensor, readBytes } from './bytes.js';
import { BLOCK_8BIT, dequantizeBlock, quantizeBlock, SIGNED_MAP, UNSIGNED_MAP } from './dynamicMap.js';
import { native, type Op } from './op.js';
import { adamw8bitKernel } from './tensorflow/adamw8bit.js';

/** As in adamw; m and v are codes (`byteTensor`, one for each element) of the signed and the unsigned map. */
export type Adamw8bitInputs = AdamwInputs & {
  /** Per tensor the scales of its blocks: [blocks8bit(size)]. */
  mAbsmax: readonly tf.Tensor[];
  vAbsmax: readonly tf.Tensor[];
};

export type Adamw8bitOutputs = AdamwOutputs & { mAbsmax: tf.Tensor[]; vAbsmax: tf.Tensor[] };

/**
 * AdamW whose moments take a byte each (Dettmers et al. 2022, "8-bit optimizers via block-wise quantization"): a step
 * is made in float32, block by block, and the new moments are quantised again.
 */
export const adamw8bit: Op<Adamw8bitInputs, AdamwAttributes, Adamw8bitOutputs> = {
  keepsOutput: false,
  kernels: { tensorflow: native(adamw8bitKernel), wasm: null, cpu: null },
  gradient: null,
  forward({ step, ...lists }, attributes) {
    const outputs: Adamw8bitOutputs = { parameters: [], m: [], v: [], mAbsmax: [], vAbsmax: [] };
    const steps = step.dataSync() as Float32Array;
    lists.parameters.forEach((_, i) => {
      const one = stepOne(lists, i, steps.subarray(4 * i, 4 * i + 4), attributes);
      for (const [name, tensor] of Object.entries(one)) outputs[name as keyof Adamw8bitOutputs].push(tensor);
    });
    return outputs;
  },
};

function stepOne(
  lists: Omit<Adamw8bitInputs, 'step'>,
  index: number,
  step: Float32Array,
  attributes: AdamwAttributes,
): Record<keyof Adamw8bitOutputs, tf.Tensor> {
  const { shape, size } = lists.parameters[index]!;
  const copied = (list: readonly tf.Tensor[]) => Float32Array.from(list[index]!.dataSync());
  const [p, gradients] = [copied(lists.parameters), lists.gradients[index]!.dataSync() as Float32Array];
  const [m, v] = [
    Uint8Array.from(readBytes(lists.m[index]!, size)),
    Uint8Array.from(readBytes(lists.v[index]!, size)),
  ];
  const [mAbsmax, vAbsmax] = [copied(lists.mAbsmax), copied(lists.vAbsmax)];
  for (let block = 0; block < mAbsmax.length; block++) {
    const [begin, end] = [block * BLOCK_8BIT, Math.min(size, (block + 1) * BLOCK_8BIT)];
    const [mCodes, vCodes] = [m.subarray(begin, end), v.subarray(begin, end)];
    const [first, second] = [new Float32Array(end - begin), new Float32Array(end - begin)];
    dequantizeBlock(mCodes, mAbsmax[block]!, SIGNED_MAP, first);
    dequantizeBlock(vCodes, vAbsmax[block]!, UNSIGNED_MAP, second);
    stepElements(p.subarray(begin, end), gradients.subarray(begin, end), first, second, step, attributes);
    mAbsmax[block] = quantizeBlock(first, SIGNED_MAP, mCodes);
    vAbsmax[block] = quantizeBlock(second, UNSIGNED_MAP, vCodes);
  }
  return {
    parameters: tf.tensor(p, shape),
    m: byteTensor(m),
    v: byteTensor(v),
    mAbsmax: tf.tensor1d(mAbsmax),
    vAbsmax: tf.tensor1d(vAbsmax),
  };
}

/** p, m and v change in place. */
function stepElements(
  p: Float32Array,
  gradients: Float32Array,
  m: Float32Array,
  v: Float32Array,
  step: Float32Array,
  { beta1, beta2, epsilon }: AdamwAttributes,
): void {
  const [stepSize, correction, decay, clip] = step;
  for (let i = 0; i < p.length; i++) {
    const gradient = gradients[i]! * clip!;
    m[i] = m[i]! * beta1 + gradient * (1 - beta1);
    v[i] = v[i]! * beta2 + gradient * gradient * (1 - beta2);
    p[i] = p[i]! * decay! - (m[i]! / (Math.sqrt(v[i]!) * correction! + epsilon)) * stepSize!;
  }
}
