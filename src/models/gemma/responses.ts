import * as tf from '../../backends/tf.js';
import { run } from '../../ops/op.js';
import { ops } from '../../ops/table.js';
import type { ForwardMode } from '../encoder.js';
import type { CausalBatch, GemmaForCausalLM } from './model.js';
import { packRows } from './packing.js';

/** A prompt, as ids, and the one or two responses to it: each ends with the token that ends a turn. */
export interface PromptedResponses {
  prompt: readonly number[];
  responses: readonly (readonly number[])[];
}

/** Rows whose logits are alive at a time in the log-probabilities. */
const LOGIT_ROWS = 512;
/** The longest row that several prompts share, where nobody says otherwise. */
export const PACKED_LENGTH = 1024;

/** What a prompt and its responses take in a row: the prompt counts once. */
export function packedTokens({ prompt, responses }: PromptedResponses): number {
  return responses.reduce((sum, response) => sum + response.length, prompt.length);
}

/**
 * log p(token | prompt, all before it in its response) of every response token, one response after another in the
 * order given, and of each token the response that it is of, counted over all prompts. Prompts count for nothing.
 * Two responses run behind one copy of their prompt, and short texts share rows, none seeing another: exactly
 * what each response in a row of its own gives. Dropout alone differs: a prompt's token, run once, draws once
 * for both of its responses.
 */
export function responseLogProbs(
  model: GemmaForCausalLM,
  texts: readonly PromptedResponses[],
  mode: ForwardMode,
  packedLength = PACKED_LENGTH,
): { logProbs: tf.Tensor1D; response: Int32Array } {
  const { batch, places, targets, response } = layOut(texts, packedLength);
  const [B, T] = batch.inputIds.shape;
  const hidden = model.hiddenStates(batch, mode).reshape([B * T, -1]);
  const states = tf.gather(hidden, tf.tensor1d(places, 'int32'));
  const logProbs = run(
    ops.tokenLogProbs,
    { hidden: states, weight: model.headWeight, targets: tf.tensor1d(targets, 'int32') },
    { chunk: LOGIT_ROWS, cap: model.config.finalCap },
  ) as tf.Tensor1D;
  return { logProbs, response };
}

/** Sums of token log-probabilities per response: [N]. */
export function sumByResponse(logProbs: tf.Tensor1D, response: Int32Array, N: number): tf.Tensor1D {
  return tf.unsortedSegmentSum(logProbs, tf.tensor1d(response, 'int32'), N) as tf.Tensor1D;
}

/**
 * The batch that holds the texts; in it, as row · T + column, the places whose states predict the responses'
 * tokens, and those tokens.
 */
function layOut(texts: readonly PromptedResponses[], packedLength: number) {
  const lengths = texts.map(packedTokens);
  const rows = packRows(lengths, packedLength);
  const T = Math.max(...rows.map((row) => row.reduce((sum, text) => sum + lengths[text]!, 0)));
  const size = rows.length * T;
  const [ids, segments, positions] = [
    new Int32Array(size),
    new Int32Array(size).fill(-1),
    new Int32Array(size),
  ];
  const begins = new Int32Array(texts.length);
  rows.forEach((row, b) => {
    let at = b * T;
    row.forEach((text, part) => {
      begins[text] = at;
      const { prompt, responses } = texts[text]!;
      if (prompt.length === 0)
        throw new Error('a response without a prompt: nothing predicts its first token');
      if (responses.length > 2) throw new Error('segments tell no more than two responses to a prompt apart');
      const put = (tokens: readonly number[], branch: number, position: number) => {
        ids.set(tokens, at);
        segments.fill(3 * part + branch, at, at + tokens.length);
        for (let i = 0; i < tokens.length; i++) positions[at + i] = position + i;
        at += tokens.length;
      };
      put(prompt, 0, 0);
      // a response alone goes on from its prompt: there is nothing to hide from it
      responses.forEach((tokens, i) => {
        put(tokens, responses.length === 1 ? 0 : i + 1, prompt.length);
      });
    });
  });
  const places: number[] = [];
  const targets: number[] = [];
  const response: number[] = [];
  let count = 0;
  texts.forEach(({ prompt, responses }, text) => {
    const last = begins[text]! + prompt.length - 1;
    let before = last;
    for (const tokens of responses) {
      tokens.forEach((token, i) => {
        places.push(i === 0 ? last : before + i);
        targets.push(token);
        response.push(count);
      });
      before += tokens.length;
      count++;
    }
  });
  const matrix = (values: Int32Array) => tf.tensor2d(values, [rows.length, T], 'int32');
  const batch: CausalBatch = {
    inputIds: matrix(ids),
    segments: matrix(segments),
    positions: matrix(positions),
  };
  return {
    batch,
    places: Int32Array.from(places),
    targets: Int32Array.from(targets),
    response: Int32Array.from(response),
  };
}
