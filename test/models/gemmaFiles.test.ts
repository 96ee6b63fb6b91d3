import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { loadGemma } from '../../src/models/decoders.js';
import {
  SafetensorsFile,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/models/formats/safetensors.js';
import { textConfig } from '../../src/models/gemma/config.js';
import { generate } from '../../src/models/gemma/generate.js';
import { responseLogProbs } from '../../src/models/gemma/responses.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import { saveModel, Weights } from '../../src/models/weights.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { logSoftmaxAt } from '../helpers/float64.js';
import { temporaryFolders } from '../helpers/temporary.js';

const FIXTURES = 'test/fixtures/gemma';
const VISION = join(FIXTURES, 'gemma3-vision');
const FAMILIES = ['gemma2-a', 'gemma3-a', 'gemma3-vision'];
const temporary = temporaryFolders();

/** The multimodal fixture with other names, and the tensors that `change` adds or takes away. */
function renamed(
  rename: (name: string) => string,
  change: (tensors: Map<string, TensorToWrite>) => void = () => {},
): string {
  const folder = temporary();
  cpSync(join(VISION, 'config.json'), join(folder, 'config.json'));
  const file = SafetensorsFile.open(join(VISION, 'model.safetensors'));
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, { shape }] of file.tensors)
    tensors.set(rename(name), { dtype: 'F32', shape, data: file.floats(name) });
  file.close();
  change(tensors);
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

/** As transformers has named a multimodal model's tensors since 4.52. */
const newer = (name: string) =>
  name
    .replace(/^language_model\.model\./, 'model.language_model.')
    .replace(/^(vision_tower|multi_modal_projector)\./, 'model.$1.');

const prompts = [
  [2, 5, 6, 7, 8, 9, 10, 11],
  [2, 12, 13],
].map((prompt, key) => ({ prompt, key }));
const greedy = { temperature: 0, topK: 0, topP: 1, maxNewTokens: 8, seed: 1, stopTokens: [] };

describeBackends('Gemma’s files', () => {
  it('older and newer names of a multimodal model’s text model, its vision and a copy of its head aside', () => {
    const head = (tensors: Map<string, TensorToWrite>) => {
      const data = new Float32Array(60 * 16).fill(Number.NaN);
      tensors.set('lm_head.weight', { dtype: 'F32', shape: [60, 16], data });
      tensors.set('language_model.lm_head.weight', { dtype: 'F32', shape: [60, 16], data });
    };
    const models = [VISION, renamed(newer), renamed(newer, head), renamed((name) => name, head)].map(
      (folder) => loadGemma(folder, { quantization: 'none' }),
    );
    const [first, ...others] = models;
    const names = [...first!.expectedTensors().keys()];
    for (const model of models) {
      expect(model.weights.names()).toEqual(names);
      for (const name of names)
        expect(model.weights.get(name).dataSync()).toEqual(first!.weights.get(name).dataSync());
    }
    expect(others).toHaveLength(3);
    for (const model of models) model.dispose();
  });

  it('names what is missing by its name in the text model, and vision where none belongs', () => {
    const without = renamed(newer, (tensors) => void tensors.delete('model.language_model.norm.weight'));
    expect(() => loadGemma(without, { quantization: 'none' })).toThrow('missing: model.norm.weight [16]');
    const folder = temporary();
    const model = loadGemma(join(FIXTURES, 'gemma3-a'), { quantization: 'none' });
    const weights = new Weights();
    for (const name of model.weights.names()) weights.set(name, model.weights.get(name).clone());
    weights.set('vision_tower.post_layernorm.weight', tf.ones([2]));
    const config = JSON.parse(readFileSync(join(FIXTURES, 'gemma3-a', 'config.json'), 'utf8'));
    saveModel(folder, config, weights);
    expect(() => loadGemma(folder, { quantization: 'none' })).toThrow('unexpected: vision_tower');
    weights.dispose();
    model.dispose();
  });

  it('a multimodal model’s text model is saved as a model of its own', () => {
    const folder = temporary();
    const raw = JSON.parse(readFileSync(join(VISION, 'config.json'), 'utf8'));
    const model = loadGemma(VISION, { quantization: 'none' });
    saveModel(folder, textConfig(raw), model.weights);
    const again = loadGemma(folder, { quantization: 'none' });
    expect(again.config).toEqual(model.config);
    for (const name of model.weights.names())
      expect(again.weights.get(name).dataSync()).toEqual(model.weights.get(name).dataSync());
    model.dispose();
    again.dispose();
  });

  it('fresh norms change nothing', () => {
    const model = loadGemma(join(FIXTURES, 'gemma3-a'), { quantization: 'none' });
    initialiseWeights(model.weights, model.expectedTensors(), 1);
    const norms = model.weights.names().filter((name) => /norm\.weight$/.test(name));
    // four norms and those of queries and keys in each of three layers, and the last
    expect(norms).toHaveLength(19);
    for (const name of norms) expect(model.weights.get(name).max().dataSync()[0]).toBe(0);
    model.dispose();
  });
});

describeBackends('Gemma 2 and 3 at work', () => {
  it.each(FAMILIES)('%s: log-probabilities of responses are those of its logits', (name) => {
    const golden = SafetensorsFile.open(join(FIXTURES, name, 'golden.safetensors'));
    const model = loadGemma(join(FIXTURES, name), { quantization: 'none' });
    const [, T, V] = golden.info('logits').shape as [number, number, number];
    const ids = Array.from(golden.ints('input_ids'));
    const logits = golden.floats('logits');
    const lengths = [16, 11, 7];
    const rows = lengths.map((length, b) => {
      const all = ids.slice(b * T, b * T + length);
      return { prompt: all.slice(0, 3), responses: [all.slice(3)] };
    });
    const expected = lengths.flatMap((length, b) =>
      Array.from({ length: length - 3 }, (_, i) => {
        const place = b * T + 2 + i;
        return logSoftmaxAt(logits.subarray(place * V, (place + 1) * V), ids[place + 1]!);
      }),
    );
    expectClose(responseLogProbs(model, rows, {}).logProbs, expected, 1e-4);
    model.dispose();
    golden.close();
  });

  it.each(FAMILIES)('%s: NF4 packs every linear layer and nothing else, and generates', async (name) => {
    const plain = loadGemma(join(FIXTURES, name), { quantization: 'none' });
    const model = loadGemma(join(FIXTURES, name), { quantization: 'nf4-double' });
    const layers = [...plain.linearLayers().keys()];
    expect([...model.quantized.keys()].sort()).toEqual([...layers].sort());
    const floats = plain.weights
      .names()
      .filter((weight) => !layers.includes(weight.replace(/\.weight$/, '')));
    expect(model.weights.names()).toEqual(floats);
    const before = tf.memory().numTensors;
    const results = await generate(model, prompts, greedy);
    expect(results.map(({ ids }) => ids.length)).toEqual([8, 8]);
    expect(tf.memory().numTensors).toBe(before);
    plain.dispose();
    model.dispose();
  });

  it.each(FAMILIES)(
    '%s: an adapter on every linear layer acts in generation as merged weights do',
    async (name) => {
      const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
      const adapted = loadGemma(join(FIXTURES, name), { quantization: 'none' });
      const merged = loadGemma(join(FIXTURES, name), { quantization: 'none' });
      const adapter = new LoraAdapter({ rank: 2, alpha: 4, dropout: 0, targetModules, rslora: false });
      adapter.initialise(adapted.linearLayers(), 1);
      adapted.adapter = adapter;
      for (const layer of adapted.linearLayers().keys()) {
        const key = (half: string) => `base_model.model.${layer}.lora_${half}.weight`;
        const a = adapter.weights.get(key('A'));
        const b = tf.randomNormal(adapter.weights.get(key('B')).shape, 0, 0.3, 'float32', layer.length);
        adapter.weights.set(key('B'), b);
        const delta = tf.mul(tf.matMul(b as tf.Tensor2D, a as tf.Tensor2D), adapter.layers.get(layer)!.scale);
        merged.weights.set(`${layer}.weight`, tf.add(merged.weights.get(`${layer}.weight`), delta));
      }
      const batch = {
        inputIds: tf.tensor2d([prompts[0]!.prompt], [1, 8], 'int32'),
        segments: tf.zeros<tf.Rank.R2>([1, 8], 'int32'),
        positions: tf.range(0, 8, 1, 'int32').expandDims(0) as tf.Tensor2D,
      };
      const base = loadGemma(join(FIXTURES, name), { quantization: 'none' });
      const states = merged.hiddenStates(batch).dataSync();
      expectClose(adapted.hiddenStates(batch), states, 1e-4);
      expect(() => expectClose(base.hiddenStates(batch), states, 0.05)).toThrow('deviate');
      expect(await generate(adapted, prompts, greedy)).toEqual(await generate(merged, prompts, greedy));
      for (const model of [adapted, merged, base]) model.dispose();
    },
  );
});
