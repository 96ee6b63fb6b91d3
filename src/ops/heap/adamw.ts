import type * as tf from '../../backends/tf.js';
import { heapKernels } from '../../backends/wasm/heap.js';
import type { AdamwAttributes, AdamwInputs } from '../adamw.js';
import type { Kernel } from '../op.js';

/** One pass over the parameter instead of a dozen tensors. */
export const adamwKernel: Kernel<AdamwInputs, AdamwAttributes, [tf.Tensor, tf.Tensor, tf.Tensor]> = {
  gradient: null,
  forward({ parameter, gradient, m, v, step }, { beta1, beta2, epsilon }) {
    const like = { shape: parameter.shape, dtype: 'float32' } as const;
    const outputs = heapKernels([parameter, gradient, m, v, step], [like, like, like], (views, made) => {
      const [p, g, oldM, oldV, [stepSize, correction, decay]] = views as Float32Array[] as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const [newP, newM, newV] = made;
      for (let i = 0; i < p.length; i++) {
        const grad = g[i]!;
        const first = oldM[i]! * beta1 + grad * (1 - beta1);
        const second = oldV[i]! * beta2 + grad * grad * (1 - beta2);
        newM[i] = first;
        newV[i] = second;
        newP[i] = p[i]! * decay! - (first / (Math.sqrt(second) * correction! + epsilon)) * stepSize!;
      }
    });
    return outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
  },
};
