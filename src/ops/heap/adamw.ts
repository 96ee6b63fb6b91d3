import type * as tf from '../../backends/tf.js';
import { heapKernels } from '../../backends/wasm/heap.js';
import type { AdamwAttributes, AdamwInputs, AdamwOutputs } from '../adamw.js';
import type { Kernel } from '../op.js';

/** One pass over each parameter instead of a dozen tensors. */
export const adamwKernel: Kernel<AdamwInputs, AdamwAttributes, AdamwOutputs> = {
  gradient: null,
  forward({ parameters, gradients, m, v, step }, attributes) {
    const outputs: AdamwOutputs = { parameters: [], m: [], v: [] };
    parameters.forEach((parameter, i) => {
      const inputs = [parameter, gradients[i]!, m[i]!, v[i]!, step];
      const [newParameter, newM, newV] = stepOne(inputs, i, attributes);
      outputs.parameters.push(newParameter);
      outputs.m.push(newM);
      outputs.v.push(newV);
    });
    return outputs;
  },
};

function stepOne(
  inputs: tf.Tensor[],
  index: number,
  { beta1, beta2, epsilon }: AdamwAttributes,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const like = { shape: inputs[0]!.shape, dtype: 'float32' } as const;
  const outputs = heapKernels(inputs, [like, like, like], (views, [newP, newM, newV]) => {
    const [p, g, oldM, oldV, steps] = views as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const [stepSize, correction, decay, clip] = steps.subarray(4 * index, 4 * index + 4);
    for (let i = 0; i < p.length; i++) {
      const gradient = g[i]! * clip!;
      const first = oldM[i]! * beta1 + gradient * (1 - beta1);
      const second = oldV[i]! * beta2 + gradient * gradient * (1 - beta2);
      newM[i] = first;
      newV[i] = second;
      newP[i] = p[i]! * decay! - (first / (Math.sqrt(second) * correction! + epsilon)) * stepSize!;
    }
  });
  return outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
}
