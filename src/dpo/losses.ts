import * as tf from '../backends/tf.js';
import { unreachable } from '../support/errors.js';

/**
 * Losses of direct preference optimisation, per pair, from the log-probabilities of the chosen and rejected
 * responses under the policy and the reference: [N] each. With
 *   h = (π_chosen − ref_chosen) − (π_rejected − ref_rejected)
 * - sigmoid: −(1 − ε)·log σ(βh) − ε·log σ(−βh), ε the label smoothing (Rafailov et al. 2023; Mitchell 2023)
 * - ipo: (h̄ − 1/(2β))², h̄ with each side's ratio divided by its number of tokens (Azar et al. 2023; TRL's averaging)
 * - hinge: max(0, 1 − βh) (Zhao et al. 2023)
 * - apc-offset: −log σ(βh − α·log gap), gap the pair's difference in APC (the offset of ODPO, Amini et al. 2024,
 *   log of the score gap): a pair that differs more in faithfulness is pushed further apart
 */
export type DpoLossName = 'sigmoid' | 'ipo' | 'hinge' | 'apc-offset';

export interface DpoLossOptions {
  loss: DpoLossName;
  beta: number;
  labelSmoothing: number;
  /** α of apc-offset. */
  offsetScale: number;
}

export interface PairLogProbs {
  policyChosen: tf.Tensor1D;
  policyRejected: tf.Tensor1D;
  referenceChosen: tf.Tensor1D;
  referenceRejected: tf.Tensor1D;
  /** Tokens of each response. */
  chosenTokens: tf.Tensor1D;
  rejectedTokens: tf.Tensor1D;
  /** Difference in APC between chosen and rejected, above 0; read by apc-offset alone. */
  gap: tf.Tensor1D;
}

/** [N] */
export function dpoLosses(logProbs: PairLogProbs, options: DpoLossOptions): tf.Tensor1D {
  const { beta, labelSmoothing, offsetScale } = options;
  const chosen = tf.sub(logProbs.policyChosen, logProbs.referenceChosen);
  const rejected = tf.sub(logProbs.policyRejected, logProbs.referenceRejected);
  const h = tf.sub(chosen, rejected);
  switch (options.loss) {
    case 'sigmoid': {
      const scaled = tf.mul(h, beta);
      const kept = tf.mul(logSigmoid(scaled), labelSmoothing - 1);
      return (
        labelSmoothing === 0 ? kept : tf.sub(kept, tf.mul(logSigmoid(tf.neg(scaled)), labelSmoothing))
      ) as tf.Tensor1D;
    }
    case 'ipo': {
      const averaged = tf.sub(
        tf.div(chosen, logProbs.chosenTokens),
        tf.div(rejected, logProbs.rejectedTokens),
      );
      return tf.square(tf.sub(averaged, 1 / (2 * beta)));
    }
    case 'hinge':
      return tf.relu(tf.sub(1, tf.mul(h, beta)));
    case 'apc-offset': {
      const offset = tf.mul(tf.log(logProbs.gap), offsetScale);
      return tf.neg(logSigmoid(tf.sub(tf.mul(h, beta), offset))) as tf.Tensor1D;
    }
    default:
      return unreachable(options.loss);
  }
}

/** log σ(x) = min(x, 0) − log(1 + e^−|x|): finite wherever x is. */
export function logSigmoid(x: tf.Tensor): tf.Tensor {
  return tf.sub(tf.minimum(x, 0), tf.log1p(tf.exp(tf.neg(tf.abs(x)))));
}

/** What TRL's trainer logs about a batch, under its names: means over the pairs. */
export function dpoMetrics(logProbs: PairLogProbs, beta: number): Record<string, tf.Tensor> {
  const chosenRewards = tf.mul(tf.sub(logProbs.policyChosen, logProbs.referenceChosen), beta);
  const rejectedRewards = tf.mul(tf.sub(logProbs.policyRejected, logProbs.referenceRejected), beta);
  return {
    'rewards/chosen': tf.mean(chosenRewards),
    'rewards/rejected': tf.mean(rejectedRewards),
    'rewards/accuracies': tf.mean(tf.cast(tf.greater(chosenRewards, rejectedRewards), 'float32')),
    'rewards/margins': tf.mean(tf.sub(chosenRewards, rejectedRewards)),
    'logps/chosen': tf.mean(logProbs.policyChosen),
    'logps/rejected': tf.mean(logProbs.policyRejected),
  };
}
