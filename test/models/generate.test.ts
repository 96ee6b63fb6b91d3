import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { loadGemma } from '../../src/models/decoders.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { generate } from '../../src/models/gemma/generate.js';
import { GemmaForCausalLM, type KeyValueCache } from '../../src/models/gemma/model.js';
import { sampleTokens } from '../../src/models/gemma/sample.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

const GREEDY = { temperature: 0, topK: 0, topP: 1, seed: 1 };

describeBackends('generation', () => {
  const first = ['a', 'b', 'c'].map((name) => `models/gemma-${name}`);
  const later = ['gemma2-a', 'gemma2-b', 'gemma3-a', 'gemma3-b', 'gemma3-vision'].map(
    (name) => `gemma/${name}`,
  );
  it.each([...first, ...later])(
    '%s: greedy tokens of left-padded prompts equal transformers',
    async (name) => {
      const folder = join('test/fixtures', name);
      const golden = SafetensorsFile.open(join(folder, 'golden.safetensors'));
      const model = loadGemma(folder, { quantization: 'none' });
      const [B, T] = golden.info('greedy_input_ids').shape as [number, number];
      const ids = golden.ints('greedy_input_ids');
      const mask = golden.ints('greedy_attention_mask');
      const requests = Array.from({ length: B }, (_, row) => ({
        key: row,
        prompt: Array.from(ids.subarray(row * T, (row + 1) * T)).filter((_id, i) => mask[row * T + i] === 1),
      }));
      const maxNewTokens = golden.info('greedy').shape[1]!;
      const before = tf.memory().numTensors;
      const results = await generate(model, requests, { ...GREEDY, maxNewTokens, stopTokens: [] });
      expect(tf.memory().numTensors).toBe(before);
      expect(results.flatMap((result) => result.ids)).toEqual(Array.from(golden.ints('greedy')));
      model.dispose();
    },
  );

  it.each([1, 2, 5, 40])(
    'a window of %d: the cache holds what can be seen, and gives the same states',
    (window) => {
      const folder = 'test/fixtures/gemma/gemma3-b';
      const raw = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
      const model = new GemmaForCausalLM(parseGemmaConfig({ ...raw, sliding_window: window }));
      initialiseWeights(model.weights, model.expectedTensors(), 3);
      const [B, T] = [2, 14];
      // the second sequence begins with three of padding
      const segments = Array.from({ length: B }, (_, b) =>
        Array.from({ length: T }, (_, t) => (b === 1 && t < 3 ? -1 : 0)),
      );
      const batch = (begin: number, end: number) => ({
        inputIds: tf.tensor2d(
          segments.map((row, b) => row.map((_, t) => 5 + ((7 * t + b) % 50)).slice(begin, end)),
          [B, end - begin],
          'int32',
        ),
        segments: tf.tensor2d(
          segments.map((row) => row.slice(0, end)),
          [B, end],
          'int32',
        ),
        positions: tf.tensor2d(
          segments.map((row) => row.map((_, t) => Math.max(0, t - (row[0] === -1 ? 3 : 0))).slice(0, end)),
          [B, end],
          'int32',
        ),
      });
      const whole = model.hiddenStates(batch(0, T));
      const cache: KeyValueCache = [];
      const parts = [
        [0, 6],
        [6, 9],
        [9, 10],
        [10, 11],
        [11, 14],
      ].map(([begin, end]) => {
        const states = model.hiddenStates(batch(begin!, end!), {}, cache);
        const lengths = model.config.layers.map((layer) =>
          layer.window ? Math.min(layer.window - 1, end!) : end,
        );
        expect(cache.map(({ k }) => k.shape[1])).toEqual(lengths);
        return states;
      });
      const together = tf.concat(parts, 1);
      expectClose(together.slice([0, 0, 0], [1, T, -1]), whole.slice([0, 0, 0], [1, T, -1]), 1e-5);
      expectClose(together.slice([1, 3, 0], [1, T - 3, -1]), whole.slice([1, 3, 0], [1, T - 3, -1]), 1e-5);
      model.dispose();
    },
  );

  it('gives a sequence the same text alone and in a batch, and ends at stop tokens', async () => {
    const model = loadGemma('test/fixtures/models/gemma-a', { quantization: 'none' });
    const options = { temperature: 1, topK: 20, topP: 0.9, seed: 7, maxNewTokens: 10 };
    const requests = [3, 4, 5, 6, 7].map((id) => ({
      key: `r${id}`,
      prompt: Array.from({ length: id }, (_, i) => i + id),
    }));
    const together = await generate(model, requests, { ...options, stopTokens: [] });
    const alone = await generate(model, [requests[3]!], { ...options, stopTokens: [] });
    expect(alone[0]).toEqual(together[3]);
    const stop = together[3]!.ids[4]!;
    const first = together[3]!.ids.indexOf(stop);
    const stopped = await generate(model, requests, { ...options, stopTokens: [stop] });
    expect(stopped[3]).toEqual({ ids: together[3]!.ids.slice(0, first), stopped: true });
    await expect(generate(model, [{ key: 0, prompt: [] }], { ...options, stopTokens: [] })).rejects.toThrow(
      'empty',
    );
    model.dispose();
  });

  it('samples in proportion to the restricted probabilities', () => {
    const probabilities = [0.5, 0.05, 0.3, 0.15];
    const n = 1000;
    const logits = tf.tile(tf.tensor2d([probabilities.map(Math.log)]), [n, 1]);
    const u = tf.tensor2d(
      Array.from({ length: n }, (_, i) => (i + 0.5) / n),
      [n, 1],
    );
    const counts = (options: { temperature: number; topK: number; topP: number }) => {
      const result = [0, 0, 0, 0];
      for (const id of sampleTokens(logits as tf.Tensor2D, u, options).dataSync()) result[id]!++;
      return result;
    };
    expect(counts({ temperature: 1, topK: 0, topP: 1 })).toEqual([500, 50, 300, 150]);
    expect(counts({ temperature: 1, topK: 2, topP: 1 })).toEqual([625, 0, 375, 0]);
    expect(counts({ temperature: 1, topK: 0, topP: 0.75 })).toEqual([625, 0, 375, 0]);
    expect(counts({ temperature: 0, topK: 0, topP: 1 })).toEqual([1000, 0, 0, 0]);
  });
});
