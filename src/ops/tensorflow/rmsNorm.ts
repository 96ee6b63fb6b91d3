import { absent, executeOp, executeOpWithOutputs } from '../../backends/tensorflow/raw.js';
import type { Kernel } from '../op.js';
import type { RmsNormAttributes, RmsNormInputs } from '../rmsNorm.js';

/** One pass over the rows, forward and backward. */
export const rmsNormKernel: Kernel<RmsNormInputs, RmsNormAttributes> = {
  forward({ x, weight, residual }, attributes) {
    return executeOp('TruecastRmsNorm', [x, weight, residual ?? absent('float32')], encode(attributes));
  },
  reads: () => ['x', 'weight'],
  gradient(dy, { x, weight }, attributes, _output, needs) {
    const weighted = needs('weight');
    const gradients: ReturnType<NonNullable<typeof rmsNormKernel.gradient>> = {};
    if (weighted || needs('x')) {
      const [dx, dweight] = executeOpWithOutputs(
        'TruecastRmsNormGrad',
        [dy, x, weight],
        { ...encode(attributes), weight_gradient: { bool: weighted } },
        2,
      );
      gradients.x = dx;
      if (weighted) gradients.weight = dweight;
    }
    if (needs('residual')) gradients.residual = dy.clone();
    return gradients;
  },
};

function encode({ epsilon, offset }: RmsNormAttributes) {
  return { epsilon: { float: epsilon }, offset: { float: offset } };
}
