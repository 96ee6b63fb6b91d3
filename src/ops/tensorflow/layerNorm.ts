import { absent, executeOp, executeOpWithOutputs } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import type { LayerNormAttributes, LayerNormInputs } from '../layerNorm.js';
import type { Kernel } from '../op.js';

/** One pass over the rows, forward and backward; dropout's mask is made where it is used. */
export const layerNormKernel: Kernel<LayerNormInputs, LayerNormAttributes> = {
  forward({ x, weight, bias, residual }, { epsilon, dropout }) {
    return executeOp('TruecastLayerNorm', [x, weight, bias, residual ?? absent('float32'), keyOf(dropout)], {
      epsilon: { float: epsilon },
      rate: { float: dropout?.rate ?? 0 },
    });
  },
  reads: () => ['x', 'weight', 'residual'],
  gradient(dy, { x, weight, residual }, { epsilon, dropout }, _output, needs) {
    const weighted = needs('weight') || needs('bias');
    const [dx, dresidual, dweight, dbias] = executeOpWithOutputs(
      'TruecastLayerNormGrad',
      [dy, x, weight, residual ?? absent('float32'), keyOf(dropout)],
      {
        epsilon: { float: epsilon },
        rate: { float: dropout?.rate ?? 0 },
        weight_gradient: { bool: weighted },
      },
      4,
    );
    return {
      x: dx,
      residual: residual && dresidual,
      weight: weighted ? dweight : undefined,
      bias: weighted ? dbias : undefined,
    };
  },
};

function keyOf(dropout: LayerNormAttributes['dropout']): tf.TensorInfo {
  return dropout ? tf.tensor1d([dropout.key], 'int32') : absent('int32');
}
