import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { SafetensorsFile, writeSafetensors } from '../../src/models/formats/safetensors.js';
import { responseLogProbs } from '../../src/models/gemma/responses.js';
import { loadGemma } from '../../src/models/load.js';
import { LoraAdapter, loadAdapter } from '../../src/models/lora.js';
import { TruecastError } from '../../src/support/errors.js';
import { describeBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const CONFIG = { rank: 4, alpha: 8, dropout: 0.05, targetModules: ['v_proj', 'q_proj'], rslora: true };
const LAYERS = new Map([
  ['model.layers.0.self_attn.q_proj', [6, 5]],
  ['model.layers.0.self_attn.v_proj', [3, 5]],
  ['model.layers.0.mlp.up_proj', [7, 5]],
]);

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(TruecastError);
    return (error as TruecastError).message;
  }
  throw new Error('expected a refusal');
}

function fresh(config = CONFIG, seed = 1): LoraAdapter {
  const adapter = new LoraAdapter(config);
  adapter.initialise(LAYERS, seed);
  return adapter;
}

/** A PEFT folder of a fresh adapter, with changes to its configuration. */
function saved(changes: Record<string, unknown> = {}): string {
  const folder = temporary();
  fresh().save(folder, { nameOrPath: 'base', task: 'CAUSAL_LM' });
  const path = join(folder, 'adapter_config.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }));
  return folder;
}

describeBackends('an adapter', () => {
  it('begins by changing nothing, by its seed alone', () => {
    const [adapter, again, other] = [fresh(), fresh(), fresh(CONFIG, 2)];
    expect(adapter.weights.names()).toEqual(
      ['q_proj', 'v_proj'].flatMap((part) =>
        ['A', 'B'].map((side) => `base_model.model.model.layers.0.self_attn.${part}.lora_${side}.weight`),
      ),
    );
    const a = adapter.weights.names()[0]!;
    expect(adapter.weights.get(a).shape).toEqual([4, 5]);
    expect(adapter.weights.get(a).dataSync()).toEqual(again.weights.get(a).dataSync());
    expect(adapter.weights.get(a).dataSync()).not.toEqual(other.weights.get(a).dataSync());
    for (const value of adapter.weights.get(a).dataSync())
      expect(Math.abs(value)).toBeLessThanOrEqual(1 / Math.sqrt(5));
    for (const value of adapter.weights.get(adapter.weights.names()[1]!).dataSync()) expect(value).toBe(0);
    for (const each of [adapter, again, other]) each.dispose();
  });

  it('scales by alpha / rank, or alpha / √rank', () => {
    expect(fresh().scale).toBe(4);
    expect(fresh({ ...CONFIG, rslora: false }).scale).toBe(2);
  });

  it('adapts the layers that it names, and none while it is off', () => {
    const adapter = fresh();
    const x = tf.ones([2, 5]);
    expect(adapter.delta('model.layers.0.mlp.up_proj', x, {})).toBeUndefined();
    expect(adapter.delta('model.layers.0.self_attn.q_proj', x, {})!.shape).toEqual([2, 6]);
    adapter.enabled = false;
    expect(adapter.delta('model.layers.0.self_attn.q_proj', x, {})).toBeUndefined();
    expect(() => fresh({ ...CONFIG, targetModules: ['q_proj', 'c_attn', 'wq'] })).toThrow(
      'no layers named c_attn, wq',
    );
  });

  it('that is saved loads with the same configuration and the same bits', () => {
    const adapter = fresh();
    for (const name of adapter.weights.names()) {
      adapter.weights.set(name, tf.randomNormal(adapter.weights.get(name).shape, 0, 1, 'float32', 5));
    }
    const [first, second] = [temporary(), temporary()];
    adapter.save(first, { nameOrPath: 'base', task: 'CAUSAL_LM' });
    const loaded = loadAdapter(first, LAYERS);
    expect(loaded.config).toEqual({ ...CONFIG, targetModules: ['q_proj', 'v_proj'] });
    expect(loaded.weights.names().sort()).toEqual(adapter.weights.names().sort());
    for (const name of adapter.weights.names()) {
      expect(loaded.weights.get(name).dataSync()).toEqual(adapter.weights.get(name).dataSync());
    }
    loaded.save(second, { nameOrPath: 'base', task: 'CAUSAL_LM' });
    for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
      expect(readFileSync(join(second, file))).toEqual(readFileSync(join(first, file)));
    }
    adapter.dispose();
    loaded.dispose();
  });

  it('of PEFT loads, and is saved with the same tensors', () => {
    const source = 'test/fixtures/lora/rslora';
    const model = loadGemma('test/fixtures/lora/base', { quantization: 'none' });
    const adapter = loadAdapter(source, model.linearLayers());
    const folder = temporary();
    adapter.save(folder, { nameOrPath: 'base', task: 'CAUSAL_LM' });
    const [ours, theirs] = [folder, source].map((path) =>
      SafetensorsFile.open(join(path, 'adapter_model.safetensors')),
    );
    expect([...ours!.tensors.keys()].sort()).toEqual([...theirs!.tensors.keys()].sort());
    for (const [name, { shape, dtype }] of theirs!.tensors) {
      expect(ours!.info(name)).toMatchObject({ shape, dtype });
      expect(ours!.bytes(name)).toEqual(theirs!.bytes(name));
    }
    ours!.close();
    theirs!.close();
    // every key that we write is one of PEFT's, with a value of the same type
    const read = (path: string) =>
      JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    const [mine, peft] = [read(folder), read(source)];
    for (const [key, value] of Object.entries(mine)) {
      expect(peft, key).toHaveProperty(key);
      if (key !== 'base_model_name_or_path') expect(value, key).toEqual(peft[key]);
    }
    adapter.dispose();
    model.dispose();
  });

  it('of which one half is zero leaves the model as it is', () => {
    const model = loadGemma('test/fixtures/models/gemma-a', { quantization: 'none' });
    const rows = [{ prompt: [2, 7, 9], response: [11, 1] }];
    const logProbs = () => Array.from(responseLogProbs(model, rows, {}).logProbs.dataSync());
    const plain = logProbs();
    model.adapter = new LoraAdapter({ ...CONFIG, dropout: 0 });
    model.adapter.initialise(model.linearLayers(), 3);
    expect(logProbs()).toEqual(plain);
    const b = model.adapter.weights.names().find((name) => name.includes('lora_B'))!;
    model.adapter.weights.set(b, tf.ones(model.adapter.weights.get(b).shape));
    expect(logProbs()).not.toEqual(plain);
    model.adapter.enabled = false;
    expect(logProbs()).toEqual(plain);
    model.dispose();
  });
});

describeBackends('an adapter that cannot be used', () => {
  it('for another base model: every misfit at once', () => {
    const others = new Map([
      ['model.layers.0.self_attn.q_proj', [6, 9]],
      ['model.layers.1.self_attn.v_proj', [3, 5]],
    ]);
    const before = tf.memory().numTensors;
    const folder = saved();
    const made = tf.memory().numTensors - before;
    const lines = refusal(() => loadAdapter(folder, others)).split('\n');
    const at = (layer: string, side: string) => `base_model.model.model.layers.${layer}.lora_${side}.weight`;
    expect(lines).toEqual([
      `${join(folder, 'adapter_model.safetensors')} does not fit the base model:`,
      `  ${at('0.self_attn.q_proj', 'A')} is [4,5], the base model wants [4,9]`,
      `  missing: ${at('1.self_attn.v_proj', 'A')} [4,5]`,
      `  missing: ${at('1.self_attn.v_proj', 'B')} [3,4]`,
      `  unexpected: ${at('0.self_attn.v_proj', 'A')}`,
      `  unexpected: ${at('0.self_attn.v_proj', 'B')}`,
    ]);
    expect(tf.memory().numTensors - before).toBe(made);
  });

  it('by what it asks for: every problem at once', () => {
    const folder = saved({
      peft_type: 'IA3',
      use_dora: true,
      bias: 'all',
      modules_to_save: ['lm_head'],
      rank_pattern: { q_proj: 8 },
      r: 0,
    });
    const message = refusal(() => loadAdapter(folder, LAYERS));
    expect(message).toContain(join(folder, 'adapter_config.json'));
    for (const key of ['peft_type', 'use_dora', 'bias', 'modules_to_save', 'rank_pattern', 'r:']) {
      expect(message).toContain(`  ${key}`);
    }
  });

  it('without its files', () => {
    const folder = temporary();
    expect(refusal(() => loadAdapter(folder, LAYERS))).toContain('adapter configuration not found');
    cpSync(join(saved(), 'adapter_config.json'), join(folder, 'adapter_config.json'));
    expect(refusal(() => loadAdapter(folder, LAYERS))).toContain('weights cannot be opened');
    writeSafetensors(join(folder, 'adapter_model.safetensors'), []);
    expect(refusal(() => loadAdapter(folder, LAYERS)).match(/missing:/g)).toHaveLength(4);
  });
});
