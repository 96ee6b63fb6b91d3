import * as tf from '../backends/tf.js';
import type { ForwardMode } from '../models/encoder.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { packedTokens } from '../models/gemma/responses.js';
import { TruecastError } from '../support/errors.js';
import { randomKey, shuffled } from '../support/random.js';
import type { TrainingTask } from '../training/loop.js';
import { type DpoLossOptions, dpoLosses, dpoMetrics, type PairLogProbs } from './losses.js';
import { pairLogProbs, type TokenizedPair, textsOf } from './pairs.js';
import type { ReferenceLogProbs } from './reference.js';

export interface DpoTaskOptions extends DpoLossOptions {
  epochs: number;
  /** Pairs in one forward pass. */
  batchSize: number;
  /** Forward passes per update. */
  accumulation: number;
  seed: number;
  recompute: boolean;
  /** The longest row, in tokens, that several pairs share. */
  packedLength?: number;
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
      // of like lengths in a forward pass, the longest first
      const length = (pair: number) => packedTokens(textsOf(pairs[pair]!));
      const chosen = order.slice(begin, begin + perStep).sort((a, b) => length(b) - length(a));
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
      const mode = { dropoutKey, recompute: options.recompute };
      const logProbs = withReference(model, batch, mode, options.packedLength);
      for (const [name, value] of Object.entries(dpoMetrics(logProbs, options.beta)))
        report(name, tf.mul(value, batch.share));
      return tf.mul(tf.mean(dpoLosses(logProbs, options)), batch.share) as tf.Scalar;
    },
  };
}

function withReference(
  model: GemmaForCausalLM,
  { pairs, reference }: DpoBatch,
  mode: ForwardMode,
  packedLength: number | undefined,
): PairLogProbs {
  const policy = pairLogProbs(model, pairs, mode, packedLength);
  const column = (i: number) => policy.slice([0, i], [-1, 1]).reshape([-1]) as tf.Tensor1D;
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
