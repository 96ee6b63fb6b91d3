import type * as tf from '../backends/tf.js';
import type { ForwardMode } from '../models/encoder.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { type PromptedResponses, responseLogProbs, sumByResponse } from '../models/gemma/responses.js';

/** A preference pair as ids. */
export interface TokenizedPair {
  id: string;
  prompt: readonly number[];
  chosen: readonly number[];
  rejected: readonly number[];
  /** Difference in APC; 0 where the pair has no scores. */
  gap: number;
}

/** Both responses behind one copy of their prompt. */
export function textsOf({ prompt, chosen, rejected }: TokenizedPair): PromptedResponses {
  return { prompt, responses: [chosen, rejected] };
}

/** The log-probabilities of the pairs' responses: [N, 2], the chosen first. */
export function pairLogProbs(
  model: GemmaForCausalLM,
  pairs: readonly TokenizedPair[],
  mode: ForwardMode,
  packedLength?: number,
): tf.Tensor2D {
  const { logProbs, response } = responseLogProbs(model, pairs.map(textsOf), mode, packedLength);
  return sumByResponse(logProbs, response, 2 * pairs.length).reshape([pairs.length, 2]);
}
