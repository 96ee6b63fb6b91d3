import { executeOp } from '../../backends/tensorflow/raw.js';
import type { AdamwAttributes, AdamwInputs, AdamwOutputs } from '../adamw.js';
import type { Kernel } from '../op.js';
import { requireOwned } from './owned.js';

/** All tensors in one call, in place. */
export const adamwKernel: Kernel<AdamwInputs, AdamwAttributes, AdamwOutputs> = {
  gradient: null,
  forward({ parameters, gradients, m, v, step }, { beta1, beta2, epsilon }) {
    requireOwned([...parameters, ...m, ...v]);
    executeOp('TruecastAdamw', [...parameters, ...gradients, ...m, ...v, step], {
      n: { int: parameters.length },
      beta1: { float: beta1 },
      beta2: { float: beta2 },
      epsilon: { float: epsilon },
    });
    return { parameters: [...parameters], m: [...m], v: [...v] };
  },
};
