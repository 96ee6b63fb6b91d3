import { executeOpWithOutputs } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import type { CrossEntropyInputs } from '../crossEntropy.js';
import type { Kernel } from '../op.js';

/** The forward pass has the gradient for nothing. */
export const crossEntropyKernel: Kernel<CrossEntropyInputs, Record<never, never>> = {
  forward({ logits, labels }) {
    const [output, slope] = executeOpWithOutputs('TruecastCrossEntropy', [logits, labels], {}, 2);
    return { output: output!, kept: [slope!] };
  },
  reads: () => [],
  gradient: (dy, _inputs, _attributes, _output, _needs, [slope]) => ({ logits: tf.mul(slope!, dy) }),
};
