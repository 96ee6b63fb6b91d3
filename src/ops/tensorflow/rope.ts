import { executeOp } from '../../backends/tensorflow/raw.js';
import type * as tf from '../../backends/tf.js';
import type { Kernel } from '../op.js';
import type { RopeInputs } from '../rope.js';

export const ropeKernel: Kernel<RopeInputs, Record<never, never>> = {
  forward: ({ x, cos, sin }) => rotate(x, cos, sin, false),
  reads: () => ['cos', 'sin'],
  gradient: (dy, { cos, sin }, _attributes, _output, needs) =>
    needs('x') ? { x: rotate(dy, cos, sin, true) } : {},
};

function rotate(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor, inverse: boolean): tf.Tensor {
  return executeOp('TruecastRope', [x, cos, sin], { inverse: { bool: inverse } });
}
