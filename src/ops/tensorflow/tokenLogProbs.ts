import { absent, executeOpWithOutputs } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import type { Kernel } from '../op.js';
import type { TokenLogProbsAttributes, TokenLogProbsInputs } from '../tokenLogProbs.js';

type TokenLogProbs = Kernel<TokenLogProbsInputs, TokenLogProbsAttributes>;

/**
 * Where a backward pass may follow, the slope by the hidden states is made while a chunk's logits are there: they
 * need not be computed again. A gradient by the head, which is frozen as a rule, is left to `composed`.
 */
export function tokenLogProbsKernel(composed: TokenLogProbs): TokenLogProbs {
  return {
    forward({ hidden, weight, targets }, { cap = 0 }, taped) {
      const [output, slope] = executeOpWithOutputs(
        'TruecastTokenLogProbs',
        [hidden, weight, absent('float32'), targets],
        { cap: { float: cap }, with_slope: { bool: taped } },
        2,
      );
      return { output: output!, kept: [slope!] };
    },
    reads: (needs) => (needs('weight') ? ['hidden', 'weight', 'targets'] : []),
    gradient(dy, inputs, attributes, output, needs, kept) {
      if (needs('weight')) return composed.gradient!(dy, inputs, attributes, output, needs, []);
      return { hidden: tf.mul(dy.expandDims(1), kept[0]!) };
    },
  };
}
