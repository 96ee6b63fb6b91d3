import { executeOp } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import type { AdamwAttributes } from '../adamw.js';
import type { Adamw8bitInputs, Adamw8bitOutputs } from '../adamw8bit.js';
import { SIGNED_MAP, UNSIGNED_MAP } from '../dynamicMap.js';
import type { Kernel } from '../op.js';
import { requireOwned } from './owned.js';

/** All tensors in one call, in place. */
export const adamw8bitKernel: Kernel<Adamw8bitInputs, AdamwAttributes, Adamw8bitOutputs> = {
  gradient: null,
  forward({ step, gradients, ...lists }, { beta1, beta2, epsilon }) {
    const { parameters, m, v, mAbsmax, vAbsmax } = lists;
    requireOwned([...parameters, ...m, ...v, ...mAbsmax, ...vAbsmax]);
    const maps = [tf.tensor1d(SIGNED_MAP), tf.tensor1d(UNSIGNED_MAP)];
    executeOp(
      'TruecastAdamw8bit',
      [...parameters, ...gradients, ...m, ...v, ...mAbsmax, ...vAbsmax, ...maps, step],
      {
        n: { int: parameters.length },
        beta1: { float: beta1 },
        beta2: { float: beta2 },
        epsilon: { float: epsilon },
      },
    );
    return {
      parameters: [...parameters],
      m: [...m],
      v: [...v],
      mAbsmax: [...mAbsmax],
      vAbsmax: [...vAbsmax],
    };
  },
};
