import * as tf from '../../backends/tf.js';
import { heapKernel } from '../../backends/wasm/heap.js';
import {
  type LoraLinearAttributes,
  type LoraLinearInputs,
  loraLinearGradients,
  loraLinearReads,
  withAdapter,
} from '../loraLinear.js';
import { blockScales, NF4_BLOCK, NF4_CODES, type Nf4Tensors } from '../nf4.js';
import type { Kernel } from '../op.js';

/** NF4 → float32 in one pass over the packed bytes, as [out, in] or transposed to [in, out]. */
function dequantize(weight: Nf4Tensors, out: number, inputs: number, transposed: boolean): tf.Tensor2D {
  const size = out * inputs;
  const scales = blockScales(weight, Math.ceil(size / NF4_BLOCK));
  return heapKernel(
    [weight.packed, scales],
    transposed ? [inputs, out] : [out, inputs],
    'float32',
    (views, result) => {
      const words = views[0] as Int32Array;
      const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
      const absmax = views[1] as Float32Array;
      for (let row = 0, i = 0; row < out; row++) {
        for (let column = 0; column < inputs; column++, i++) {
          const byte = bytes[i >> 1]!;
          const code = i & 1 ? byte & 15 : byte >> 4;
          const value = NF4_CODES[code]! * absmax[Math.floor(i / NF4_BLOCK)]!;
          result[transposed ? column * out + row : i] = value;
        }
      }
    },
  ) as tf.Tensor2D;
}

/** Products with a matrix that is not transposed are the fast ones: the weight is unpacked to suit. */
export const loraLinearKernel: Kernel<LoraLinearInputs, LoraLinearAttributes> = {
  forward(inputs, attributes) {
    const { outFeatures, inFeatures } = attributes;
    const y = inputs.weight
      ? tf.matMul(inputs.x, inputs.weight, false, true)
      : tf.matMul(inputs.x, dequantize(inputs as Nf4Tensors, outFeatures, inFeatures, true));
    return withAdapter(y, inputs, attributes);
  },
  reads: (needs) => loraLinearReads(needs),
  gradient(dy, inputs, attributes, _output, needs) {
    const { outFeatures, inFeatures } = attributes;
    const weight = () => inputs.weight ?? dequantize(inputs as Nf4Tensors, outFeatures, inFeatures, false);
    return loraLinearGradients(dy, inputs, attributes, needs, () => tf.matMul(dy, weight()));
  },
};
