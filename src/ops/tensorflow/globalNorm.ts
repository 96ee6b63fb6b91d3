import { executeOp } from '../../backends/tensorflow/raw.js';
import type { GlobalNormInputs } from '../globalNorm.js';
import type { Kernel } from '../op.js';

export const globalNormKernel: Kernel<GlobalNormInputs, Record<never, never>> = {
  gradient: null,
  forward: ({ tensors }) => executeOp('TruecastGlobalNorm', [...tensors], { n: { int: tensors.length } }),
};
