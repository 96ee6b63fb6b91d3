import * as tf from '../backends/tf.js';
import type { TokenizedInput } from '../models/tokenizer.js';
import { run as runOp } from '../ops/op.js';
import { ops } from '../ops/table.js';
import { TruecastError } from '../support/errors.js';
import { randomKey, shuffled } from '../support/random.js';
import type { TrainingTask } from '../training/loop.js';
import { encodeBatch } from './batches.js';
import type { Discriminator } from './discriminator.js';
import type { DiscriminatorInput } from './format.js';

/** A labelled row: the label is an index into the task's labels. */
export interface LabelledInput extends DiscriminatorInput {
  id: string;
  label: number;
}

interface ClassificationBatch {
  inputs: TokenizedInput[];
  labels: number[];
  ids: string[];
}

/** Cuts so many batches' rows at once into batches of like lengths: little padding, still random. */
const SORTED_BATCHES = 16;

/**
 * Fine-tuning a discriminator on labelled rows by cross-entropy. The order of rows depends on the seed and
 * the epoch alone; rows of like lengths share batches.
 */
export function discriminatorTask(
  discriminator: Discriminator,
  rows: readonly LabelledInput[],
  options: { epochs: number; batchSize: number; seed: number; recompute: boolean },
): TrainingTask<ClassificationBatch> {
  if (rows.length === 0)
    throw new TruecastError('there are no training rows', 'name characters that have some');
  const { model, paddingId } = discriminator;
  const known = new Map<string, readonly number[]>();
  const tokens = rows.map((row) => discriminator.tokenize(row, known));
  const perEpoch = Math.ceil(rows.length / options.batchSize);
  let epochBatches: { epoch: number; batches: number[][] } | undefined;
  const batchesOf = (epoch: number) => {
    if (epochBatches?.epoch !== epoch) {
      epochBatches = {
        epoch,
        batches: epochOrder(tokens, options.batchSize, randomKey(options.seed, 'epoch', epoch)),
      };
    }
    return epochBatches.batches;
  };
  return {
    weights: model.weights,
    names: model.weights.names(),
    totalSteps: perEpoch * options.epochs,
    batches(step) {
      const batch = batchesOf(Math.floor(step / perEpoch))[step % perEpoch]!;
      return [
        {
          inputs: batch.map((i) => tokens[i]!),
          labels: batch.map((i) => rows[i]!.label),
          ids: batch.map((i) => rows[i]!.id),
        },
      ];
    },
    describe: ({ ids }) => ids.join(', '),
    loss({ inputs, labels }, dropoutKey, report) {
      const logits = model.logits(encodeBatch(inputs, paddingId, model.maxLength), {
        dropoutKey,
        recompute: options.recompute,
      });
      const target = tf.tensor1d(Int32Array.from(labels), 'int32');
      report('accuracy', tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), target), 'float32')));
      return runOp(ops.crossEntropy, { logits, labels: target }, {}) as tf.Scalar;
    },
  };
}

function epochOrder(tokens: readonly TokenizedInput[], batchSize: number, key: number): number[][] {
  const order = shuffled(
    tokens.map((_, i) => i),
    key,
  );
  const batches: number[][] = [];
  for (let begin = 0; begin < order.length; begin += SORTED_BATCHES * batchSize) {
    const pool = order.slice(begin, begin + SORTED_BATCHES * batchSize);
    pool.sort((a, b) => tokens[a]!.ids.length - tokens[b]!.ids.length || a - b);
    for (let i = 0; i < pool.length; i += batchSize) batches.push(pool.slice(i, i + batchSize));
  }
  return shuffled(batches, randomKey(key, 'batches'));
}
