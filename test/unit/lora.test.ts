import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { loadGemma } from '../../src/models/decoders.js';
import { SafetensorsFile, writeSafetensors } from '../../src/models/formats/safetensors.js';
import { responseLogProbs } from '../../src/models/gemma/responses.js';
import { type BaseLinear, LoraAdapter } from '../../src/models/lora/adapter.js';
import type { LoraConfig } from '../../src/models/lora/config.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { adapterTensors } from '../../src/models/lora/names.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { TruecastError } from '../../src/support/errors.js';
import { describeBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const CONFIG = { rank: 4, alpha: 8, dropout: 0.05, targetModules: ['v_proj', 'q_proj'], rslora: true };
/** What PEFT can do and we refuse. */
const UNSUPPORTED = {
  bias: 'lora_only',
  lora_bias: true,
  modules_to_save: ['lm_head'],
  fan_in_fan_out: true,
  alora_invocation_tokens: [1, 2],
  loftq_config: { loftq_bits: 4 },
  layer_replication: [[0, 1]],
  target_parameters: ['x'],
  trainable_token_indices: [3],
  use_qalora: true,
  arrow_config: { top_k: 1 },
  layers_pattern: 'layers',
};
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

function linear(weight: tf.Tensor2D): BaseLinear {
  const [outFeatures, inFeatures] = weight.shape;
  return {
    project: (x, lowRank) =>
      run(
        ops.loraLinear,
        { x, weight, a: lowRank?.a, b: lowRank?.b },
        { outFeatures, inFeatures, scale: lowRank?.scale },
      ),
    weight: () => weight,
  };
}

function fresh(config: LoraConfig = CONFIG, seed = 1): LoraAdapter {
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
    const scales = (config: LoraConfig) => [...fresh(config).layers.values()].map(({ scale }) => scale);
    expect(scales(CONFIG)).toEqual([4, 4]);
    expect(scales({ ...CONFIG, rslora: false })).toEqual([2, 2]);
    expect(scales({ ...CONFIG, rankPattern: { v_proj: 16 }, alphaPattern: { q_proj: 6 } })).toEqual([3, 2]);
  });

  it('adapts the layers that it names, and none while it is off', () => {
    const adapter = fresh();
    const [q, up] = ['model.layers.0.self_attn.q_proj', 'model.layers.0.mlp.up_proj'];
    adapter.weights.set(adapterTensors(q).b, tf.ones([6, 4]));
    const x = tf.ones([2, 5]);
    const changes = (layer: string) => {
      const base = linear(tf.randomNormal(LAYERS.get(layer) as [number, number]));
      const difference = tf.sub(adapter.project(layer, x, base, {}), base.project(x));
      return difference.abs().max().dataSync()[0]! > 1e-3;
    };
    expect([q, up].map(changes)).toEqual([true, false]);
    adapter.enabled = false;
    expect([q, up].map(changes)).toEqual([false, false]);
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
    expect(loaded.config).toEqual({
      ...CONFIG,
      targetModules: ['q_proj', 'v_proj'],
      dora: false,
      rankPattern: {},
      alphaPattern: {},
    });
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
    // PEFT's keys, all of them, with PEFT's values
    const read = (path: string) =>
      JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    const [mine, peft] = [read(folder), read(source)];
    expect(mine).toEqual({ ...peft, base_model_name_or_path: 'base' });
    adapter.dispose();
    model.dispose();
  });

  it('of which one half is zero leaves the model as it is', () => {
    const model = loadGemma('test/fixtures/models/gemma-a', { quantization: 'none' });
    const rows = [{ prompt: [2, 7, 9], responses: [[11, 1]] }];
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
      bias: 'all',
      modules_to_save: ['lm_head'],
      rank_pattern: { q_proj: 0 },
      r: 0,
      fan_in_fan_out: true,
      alora_invocation_tokens: [1, 2],
      init_lora_weights: 'pissa_niter_16',
      loftq_config: { loftq_bits: 4 },
      layers_pattern: 'layers',
      use_future: 'yes',
      constructor: 1,
    });
    const message = refusal(() => loadAdapter(folder, LAYERS));
    expect(message).toContain(join(folder, 'adapter_config.json'));
    for (const key of ['peft_type', 'rank_pattern.q_proj', 'r:', 'init_lora_weights'])
      expect(message).toContain(`  ${key}`);
    const second = refusal(() =>
      loadAdapter(saved({ ...UNSUPPORTED, use_future: 'yes', constructor: 1 }), LAYERS),
    );
    for (const key of [...Object.keys(UNSUPPORTED), 'use_future', 'constructor'])
      expect(second).toContain(`  ${key}: `);
  });

  it.each([
    ['(?>q_proj)', 'Python'],
    ['.*[q_proj', 'Python'],
    ['(?i)q_proj', 'Python'],
    ['(.+)+(.+)+(.+)+(.+)+(.+)+(.+)+x', 'nested repetition'],
  ])('by its pattern %s', (pattern, remedy) => {
    const [folder, started] = [saved({ target_modules: pattern }), Date.now()];
    expect(() => loadAdapter(folder, LAYERS)).toThrow('target_modules');
    try {
      loadAdapter(folder, LAYERS);
    } catch (error) {
      expect((error as TruecastError).remedy).toContain(remedy);
    }
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it('for no layer of the base', () => {
    expect(refusal(() => loadAdapter(saved({ target_modules: ['c_attn'] }), LAYERS))).toContain(
      'target_modules: ["c_attn"] is no layer of the base model',
    );
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
