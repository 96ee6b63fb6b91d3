import { setImmediate } from 'node:timers/promises';
import * as tf from '../backends/tf.js';
import { batchesByLength } from '../discriminators/batches.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { packedTokens } from '../models/gemma/responses.js';
import { type Progress, silent } from '../support/progress.js';
import { pairLogProbs, type TokenizedPair, textsOf } from './pairs.js';

/** Log-probabilities of a pair's responses under the reference. */
export interface ReferenceLogProbs {
  chosen: number;
  rejected: number;
}

/** Where a reference's log-probabilities are remembered from run to run. */
export interface KnownReferences {
  get(pair: TokenizedPair): ReferenceLogProbs | undefined;
  add(pairs: readonly TokenizedPair[], values: readonly ReferenceLogProbs[]): void;
}

/** Tokens in one forward pass. Pairs run in the same company whatever a run's batches are. */
const TOKENS_PER_PASS = 2048;

/**
 * The reference's log-probabilities, with the adapter off (or on as it begins, where training goes on from
 * one): computed once, never per epoch. Those that are known are not computed again, the others are added.
 */
export async function referenceLogProbs(
  model: GemmaForCausalLM,
  pairs: readonly TokenizedPair[],
  {
    adapterOn = false,
    known,
    progress = silent,
  }: { adapterOn?: boolean; known?: KnownReferences; progress?: Progress } = {},
): Promise<ReferenceLogProbs[]> {
  const result = pairs.map((pair) => known?.get(pair));
  const lengths = pairs.map((pair) => packedTokens(textsOf(pair)));
  // cut without regard to what is known: a run that was stopped here computes the rest in the same company
  const batches = batchesByLength(lengths, TOKENS_PER_PASS).filter((batch) => batch.some((i) => !result[i]));
  let done = result.filter((value) => value !== undefined).length;
  const bar = progress.start('reference', pairs.length, done);
  try {
    for (const batch of batches) {
      const part = batch.map((i) => pairs[i]!);
      const values = passOf(model, part, adapterOn);
      const fresh = batch.map((i, row) => ({ i, row })).filter(({ i }) => !result[i]);
      for (const { i, row } of fresh) result[i] = values[row]!;
      known?.add(
        fresh.map(({ i }) => pairs[i]!),
        fresh.map(({ row }) => values[row]!),
      );
      done += fresh.length;
      bar.update(done);
      await setImmediate();
    }
    return result as ReferenceLogProbs[];
  } finally {
    bar.stop();
  }
}

function passOf(
  model: GemmaForCausalLM,
  pairs: readonly TokenizedPair[],
  adapterOn: boolean,
): ReferenceLogProbs[] {
  const { adapter } = model;
  const enabled = adapter?.enabled;
  if (adapter) adapter.enabled = adapterOn;
  try {
    const sums = tf.tidy(() => pairLogProbs(model, pairs, {}).dataSync());
    return pairs.map((_, i) => ({ chosen: sums[2 * i]!, rejected: sums[2 * i + 1]! }));
  } finally {
    if (adapter) adapter.enabled = enabled!;
  }
}
