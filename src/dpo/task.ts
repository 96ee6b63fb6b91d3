import * as tf from '../backends/tf.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { responseLogProbs, sumByRow, type TokenizedResponse } from '../models/gemma/responses.js';
import { TruecastError } from '../support/errors.js';
import type { Progress } from '../support/progress.js';
import { randomKey, shuffled } from '../support/random.js';
import type { TrainingTask } from '../training/loop.js';
import { type DpoLossOptions, dpoLosses, dpoMetrics, type PairLogProbs } from './losses.js';

/** A preference pair as ids. */
export interface TokenizedPair {
  id: string;
  prompt: readonly number[];
  chosen: readonly number[];
  rejected: readonly number[];
  /** Difference in APC; 0 where the pair has no scores. */
  gap: number;
}

/** Log-probabilities of a pair's responses under the reference. */
export interface ReferenceLogProbs {
  chosen: number;
  rejected: number;
}

export interface DpoTaskOptions extends DpoLossOptions {
  epochs: number;
  /** Pairs in one forward pass. */
  batchSize: number;
  /** Forward passes per update. */
  accumulation: number;
  seed: number;
  recompute: boolean;
}

/** The pair's two rows, chosen first. */
function rowsOf({ prompt, chosen, rejected }: TokenizedPair): TokenizedResponse[] {
  return [
    { prompt, response: chosen },
    { prompt, response: rejected },
  ];
}

/**
 * The reference's log-probabilities, with the adapter off (or on as it begins, where training goes on from
 * one): computed once, never per epoch.
 */
export function referenceLogProbs(
  model: GemmaForCausalLM,
  pairs: readonly TokenizedPair[],
  batchSize: number,
  adapterOn: boolean,
  progress: Progress,
): ReferenceLogProbs[] {
  const { adapter } = model;
  const enabled = adapter?.enabled;
  if (adapter) adapter.enabled = adapterOn;
  const bar = progress.start('reference', pairs.length);
  try {
    const result: ReferenceLogProbs[] = [];
    for (let begin = 0; begin < pairs.length; begin += batchSize) {
      const rows = pairs.slice(begin, begin + batchSize).flatMap(rowsOf);
      const sums = tf.tidy(() => {
        const { logProbs, row } = responseLogProbs(model, rows, {});
        return sumByRow(logProbs, row, rows.length).dataSync();
      });
      for (let i = 0; i < sums.length; i += 2) result.push({ chosen: sums[i]!, rejected: sums[i + 1]! });
      bar.update(result.length);
    }
    return result;
  } finally {
    if (adapter) adapter.enabled = enabled!;
    bar.stop();
  }
}

interface DpoBatch {
  pairs: TokenizedPair[];
  reference: ReferenceLogProbs[];
  /** Of the step's pairs. */
  share: number;
}

/** Training the model's adapter on preference pairs. */
export function dpoTask(
  model: GemmaForCausalLM,
  pairs: readonly TokenizedPair[],
  reference: readonly ReferenceLogProbs[],
  options: DpoTaskOptions,
): TrainingTask<DpoBatch> {
  const { adapter } = model;
  if (!adapter) throw new Error('DPO trains an adapter, the model has none');
  if (pairs.length === 0) throw new TruecastError('there are no preference pairs to train on');
  if (options.loss === 'apc-offset' && pairs.some(({ gap }) => !(gap > 0))) {
    throw new TruecastError(
      'the loss apc-offset needs the scores of every pair',
      'use another loss or mined pairs',
    );
  }
  const perStep = options.batchSize * options.accumulation;
  const stepsPerEpoch = Math.ceil(pairs.length / perStep);
  return {
    weights: adapter.weights,
    names: adapter.weights.names(),
    totalSteps: stepsPerEpoch * options.epochs,
    batches(step) {
      const epoch = Math.floor(step / stepsPerEpoch);
      const order = shuffled(
        pairs.map((_, i) => i),
        randomKey(options.seed, 'pairs', epoch),
      );
      const begin = (step % stepsPerEpoch) * perStep;
      const chosen = order.slice(begin, begin + perStep);
      const batches: DpoBatch[] = [];
      for (let i = 0; i < chosen.length; i += options.batchSize) {
        const part = chosen.slice(i, i + options.batchSize);
        batches.push({
          pairs: part.map((p) => pairs[p]!),
          reference: part.map((p) => reference[p]!),
          share: part.length / chosen.length,
        });
      }
      return batches;
    },
    describe: (batch) => batch.pairs.map(({ id }) => id).join(', '),
    loss(batch, dropoutKey, report) {
      const logProbs = pairLogProbs(model, batch, { dropoutKey, recompute: options.recompute });
      for (const [name, value] of Object.entries(dpoMetrics(logProbs, options.beta)))
        report(name, tf.mul(value, batch.share));
      return tf.mul(tf.mean(dpoLosses(logProbs, options)), batch.share) as tf.Scalar;
    },
  };
}

function pairLogProbs(
  model: GemmaForCausalLM,
  { pairs, reference }: DpoBatch,
  mode: { dropoutKey: number; recompute: boolean },
): PairLogProbs {
  const rows = pairs.flatMap(rowsOf);
  const { logProbs, row } = responseLogProbs(model, rows, mode);
  const sums = sumByRow(logProbs, row, rows.length).reshape([pairs.length, 2]);
  const column = (i: number) => sums.slice([0, i], [-1, 1]).reshape([-1]) as tf.Tensor1D;
  const numbers = (values: number[]) => tf.tensor1d(values);
  return {
    policyChosen: column(0),
    policyRejected: column(1),
    referenceChosen: numbers(reference.map(({ chosen }) => chosen)),
    referenceRejected: numbers(reference.map(({ rejected }) => rejected)),
    chosenTokens: numbers(pairs.map(({ chosen }) => chosen.length)),
    rejectedTokens: numbers(pairs.map(({ rejected }) => rejected.length)),
    gap: numbers(pairs.map(({ gap }) => gap)),
  };
}
