import { setImmediate } from 'node:timers/promises';
import * as tf from '../../backends/tf.js';
import { TruecastError } from '../../support/errors.js';
import { randomKey, uniformAt } from '../../support/random.js';
import type { CausalBatch, GemmaForCausalLM, KeyValueCache } from './model.js';
import { type SamplingOptions, sampleTokens } from './sample.js';

export interface GenerateOptions extends SamplingOptions {
  maxNewTokens: number;
  seed: number;
  /** Tokens that end a sequence; not part of the result. */
  stopTokens: readonly number[];
}

export interface GenerationRequest {
  prompt: readonly number[];
  /** Names this sequence's random numbers: the same name, seed and prompt give the same text in any batch. */
  key: number | string;
}

export interface Generation {
  ids: number[];
  /** Whether a stop token ended it, rather than maxNewTokens. */
  stopped: boolean;
}

/**
 * Continues several prompts at once, with a key-value cache. Sequences that have ended leave the batch
 * when half of it has.
 *
 * @param onToken called with each new token as it comes
 * @throws TruecastError where a prompt is empty or leaves no room for maxNewTokens
 */
export async function generate(
  model: GemmaForCausalLM,
  requests: readonly GenerationRequest[],
  options: GenerateOptions,
  onToken?: (sequence: number, id: number) => void,
): Promise<Generation[]> {
  const results = requests.map((): Generation => ({ ids: [], stopped: false }));
  if (requests.length === 0) return results;
  checkLengths(model, requests, options);
  const keys = requests.map(({ key }) => randomKey(options.seed, 'sample', key));
  const pass = startPass(requests);
  try {
    for (let step = 0; step < options.maxNewTokens; step++) {
      const uniforms = pass.active.map((sequence) => uniformAt(keys[sequence]!, step));
      const ids = forward(model, pass, uniforms, options);
      const going: number[] = [];
      pass.active.forEach((sequence, row) => {
        const result = results[sequence]!;
        if (result.stopped) return;
        if (options.stopTokens.includes(ids[row]!)) {
          result.stopped = true;
          return;
        }
        result.ids.push(ids[row]!);
        onToken?.(sequence, ids[row]!);
        going.push(row);
      });
      if (going.length === 0) break;
      pass.next = Array.from(ids);
      if (going.length <= pass.active.length / 2) keepRows(pass, going);
      await setImmediate();
    }
    return results;
  } finally {
    tf.dispose(pass.cache);
  }
}

interface Pass {
  /** Which request each row of the batch continues. */
  active: number[];
  /** Prompts at first, then the newest token of each row. */
  prompts: readonly (readonly number[])[] | undefined;
  next: number[];
  /** −1 for padding on the left and 0 for tokens, per row: cached ones and those of the next step. */
  segments: Int32Array[];
  /** As segments, each token's position. */
  positions: Int32Array[];
  cache: KeyValueCache;
}

function startPass(requests: readonly GenerationRequest[]): Pass {
  const T = Math.max(...requests.map(({ prompt }) => prompt.length));
  return {
    active: requests.map((_, i) => i),
    prompts: requests.map(({ prompt }) => prompt),
    next: [],
    segments: requests.map(({ prompt }) => new Int32Array(T).fill(-1, 0, T - prompt.length)),
    positions: requests.map(({ prompt }) => {
      const begin = T - prompt.length;
      return Int32Array.from({ length: T }, (_, i) => Math.max(0, i - begin));
    }),
    cache: [],
  };
}

/** One step for the whole batch: the next token of each row. Lengthens the cache, the segments and positions. */
function forward(
  model: GemmaForCausalLM,
  pass: Pass,
  uniforms: number[],
  options: SamplingOptions,
): Int32Array {
  const old = [...pass.cache];
  const ids = tf.tidy(() => {
    const hidden = model.hiddenStates(nextBatch(pass), {}, pass.cache);
    for (const { k, v } of pass.cache) {
      tf.keep(k);
      tf.keep(v);
    }
    const [B, T, D] = hidden.shape as [number, number, number];
    const logits = model.logits(hidden.slice([0, T - 1, 0], [B, 1, D]).reshape([B, D]));
    return sampleTokens(logits, tf.tensor2d(uniforms, [B, 1]), options).dataSync() as Int32Array;
  });
  tf.dispose(old);
  pass.segments = pass.segments.map((row) => longer(row, 0));
  pass.positions = pass.positions.map((row) => longer(row, row[row.length - 1]! + 1));
  return ids;
}

function nextBatch(pass: Pass): CausalBatch {
  const B = pass.active.length;
  const S = pass.segments[0]!.length;
  const segments = tf.tensor2d(concatenate(pass.segments), [B, S], 'int32');
  const positions = tf.tensor2d(concatenate(pass.positions), [B, S], 'int32');
  if (pass.prompts === undefined) {
    return { inputIds: tf.tensor2d(Int32Array.from(pass.next), [B, 1], 'int32'), segments, positions };
  }
  const ids = new Int32Array(B * S);
  pass.prompts.forEach((prompt, row) => {
    ids.set(prompt, (row + 1) * S - prompt.length);
  });
  pass.prompts = undefined;
  return { inputIds: tf.tensor2d(ids, [B, S], 'int32'), segments, positions };
}

function keepRows(pass: Pass, rows: number[]): void {
  const pick = <T>(items: T[]): T[] => rows.map((row) => items[row]!);
  pass.active = pick(pass.active);
  pass.next = pick(pass.next);
  pass.segments = pick(pass.segments);
  pass.positions = pick(pass.positions);
  const index = tf.tensor1d(Int32Array.from(rows), 'int32');
  pass.cache = pass.cache.map(({ k, v }) => {
    const kept = { k: tf.gather(k, index), v: tf.gather(v, index) };
    tf.dispose([k, v]);
    return kept;
  });
  index.dispose();
}

function longer(row: Int32Array, next: number): Int32Array {
  const copy = new Int32Array(row.length + 1).fill(next);
  copy.set(row);
  return copy;
}

function concatenate(rows: Int32Array[]): Int32Array {
  const all = new Int32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let offset = 0;
  for (const row of rows) {
    all.set(row, offset);
    offset += row.length;
  }
  return all;
}

function checkLengths(
  model: GemmaForCausalLM,
  requests: readonly GenerationRequest[],
  options: GenerateOptions,
): void {
  const room = model.maxLength - options.maxNewTokens;
  requests.forEach(({ prompt }, i) => {
    if (prompt.length === 0) throw new TruecastError(`prompt ${i} is empty`, 'give it at least one token');
    if (prompt.length > room) {
      throw new TruecastError(
        `prompt ${i} has ${prompt.length} tokens; with ${options.maxNewTokens} new ones the model takes ${room}`,
        'shorten the persona or the conversation, retrieve fewer statements, or lower maxNewTokens',
      );
    }
  });
}
