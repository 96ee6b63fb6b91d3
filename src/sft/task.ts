import * as tf from '../backends/tf.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { type PromptedResponses, packedTokens, responseLogProbs } from '../models/gemma/responses.js';
import type { Weights } from '../models/weights.js';
import { TruecastError } from '../support/errors.js';
import { randomKey, shuffled } from '../support/random.js';
import type { TrainingTask } from '../training/loop.js';

/** A dialogue turn as ids. */
export interface TokenizedDialogue {
  id: string;
  prompt: readonly number[];
  response: readonly number[];
}

/**
 * Supervised fine-tuning: the mean negative log-probability of response tokens, over the given weights (an
 * adapter's, or the whole model's). A step's micro-batches count by their tokens.
 */
export function sftTask(
  model: GemmaForCausalLM,
  weights: Weights,
  dialogues: readonly TokenizedDialogue[],
  options: {
    epochs: number;
    batchSize: number;
    accumulation: number;
    seed: number;
    recompute: boolean;
    /** The longest row, in tokens, that several dialogues share. */
    packedLength?: number;
  },
): TrainingTask<{ rows: TokenizedDialogue[]; share: number }> {
  if (dialogues.length === 0) throw new TruecastError('there are no dialogues to train on');
  const perStep = options.batchSize * options.accumulation;
  const stepsPerEpoch = Math.ceil(dialogues.length / perStep);
  const tokens = (rows: readonly TokenizedDialogue[]) =>
    rows.reduce((sum, { response }) => sum + response.length, 0);
  return {
    weights,
    names: weights.names(),
    totalSteps: stepsPerEpoch * options.epochs,
    batches(step) {
      const epoch = Math.floor(step / stepsPerEpoch);
      const order = shuffled(dialogues, randomKey(options.seed, 'dialogues', epoch));
      const begin = (step % stepsPerEpoch) * perStep;
      const rows = order.slice(begin, begin + perStep);
      rows.sort((a, b) => packedTokens(textsOf(b)) - packedTokens(textsOf(a)));
      const all = tokens(rows);
      const batches: { rows: TokenizedDialogue[]; share: number }[] = [];
      for (let i = 0; i < rows.length; i += options.batchSize) {
        const part = rows.slice(i, i + options.batchSize);
        batches.push({ rows: part, share: tokens(part) / all });
      }
      return batches;
    },
    describe: ({ rows }) => rows.map(({ id }) => id).join(', '),
    loss({ rows, share }, dropoutKey) {
      const mode = { dropoutKey, recompute: options.recompute };
      const { logProbs } = responseLogProbs(model, rows.map(textsOf), mode, options.packedLength);
      return tf.mul(tf.mean(logProbs), -share) as tf.Scalar;
    },
  };
}

function textsOf({ prompt, response }: TokenizedDialogue): PromptedResponses {
  return { prompt, responses: [response] };
}
