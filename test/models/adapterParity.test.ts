import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { type LoadGemmaOptions, loadGemma } from '../../src/models/decoders.js';
import { SafetensorsFile, writeSafetensors } from '../../src/models/formats/safetensors.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { adapterTensors } from '../../src/models/lora/names.js';
import { parsePeftConfig } from '../../src/models/lora/peftConfig.js';
import { adaptedLayers, keysOf } from '../../src/models/lora/targets.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { randomKey } from '../../src/support/random.js';
import { readBatch, shiftedLabels } from '../helpers/adapters.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { temporaryFolders } from '../helpers/temporary.js';

const FIXTURES = 'test/fixtures/adapters';
const TOLERANCE = 1e-4;
const temporary = temporaryFolders();

const adapterBase = (name: string) =>
  join(
    'test/fixtures',
    JSON.parse(readFileSync(join(FIXTURES, name, 'adapter_config.json'), 'utf8')).base_model_name_or_path,
  );

describe('the layers that a configuration adapts', () => {
  const cases: { config: Record<string, unknown>; layers: Record<string, [number, number]> | null }[] =
    JSON.parse(readFileSync(join(FIXTURES, 'targets.json'), 'utf8'));
  const base = JSON.parse(readFileSync('test/fixtures/models/gemma-a/config.json', 'utf8'));
  const names = [...new GemmaForCausalLM(parseGemmaConfig(base, 'gemma-a')).linearLayers().keys()];

  it.each(cases.map((each) => [JSON.stringify(each.config), each] as const))('%s', (_, each) => {
    const { config } = parsePeftConfig({ peft_type: 'LORA', r: 4, lora_alpha: 8, ...each.config }, 'targets');
    const found = [...adaptedLayers(config, names, keysOf('targets'))].map(([name, { rank, scale }]) => [
      name,
      [rank, scale],
    ]);
    expect(Object.fromEntries(found)).toEqual(each.layers ?? {});
  });
});

describeBackends('an adapter of PEFT', () => {
  const cases = [
    ['dora', 'none'],
    ['dora', 'nf4'],
    ['dora-float', 'none'],
    ['patterns', 'none'],
    ['layers', 'none'],
    ['layers', 'nf4'],
  ] as [string, LoadGemmaOptions['quantization']][];
  it.each(cases)('gives the same logits, loss and gradients: %s, %s', (name, quantization) => {
    const golden = SafetensorsFile.open(join(FIXTURES, name, 'golden.safetensors'));
    const model = loadGemma(adapterBase(name), { quantization });
    const adapter = loadAdapter(join(FIXTURES, name), model.linearLayers());
    model.adapter = adapter;
    const { batch, labels } = readBatch(golden);
    const [B, T] = batch.inputIds.shape;
    const states = (recompute: boolean) => model.hiddenStates(batch, { recompute }).reshape([B * T, -1]);
    const keep = batch.segments.dataSync();
    const V = model.config.vocab_size;
    const tokens = (logits: ArrayLike<number>) =>
      Array.from(logits).filter((_, i) => keep[Math.floor(i / V)]! >= 0);
    expectClose(
      tokens(model.logits(states(false)).dataSync()),
      tokens(golden.floats('logits')),
      TOLERANCE,
      'logits',
    );
    const names = adapter.weights.names();
    for (const recompute of [false, true]) {
      const before = tf.memory().numTensors;
      const { value, gradients } = valueAndGradients(
        () =>
          run(
            ops.crossEntropy,
            { logits: model.logits(states(recompute)), labels: shiftedLabels(labels, T) },
            {},
          ),
        names.map((weight) => adapter.weights.get(weight)),
      );
      expectClose(value, golden.floats('loss'), TOLERANCE, 'loss');
      names.forEach((weight, i) => {
        expectClose(gradients[i]!, golden.floats(`grad.${weight}`), TOLERANCE, `gradient of ${weight}`);
      });
      tf.dispose([value, gradients]);
      expect(tf.memory().numTensors).toBe(before);
    }
    model.dispose();
    golden.close();
  });

  it.each(['dora', 'dora-float', 'patterns', 'layers'])('is saved as it was: %s', (name) => {
    const model = loadGemma(adapterBase(name), { quantization: 'none' });
    const source = join(FIXTURES, name);
    const adapter = loadAdapter(source, model.linearLayers());
    const folder = temporary();
    const read = (path: string) => JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8'));
    const { base_model_name_or_path: base } = read(source);
    adapter.save(folder, { nameOrPath: base, task: 'CAUSAL_LM' });
    expect(read(folder)).toEqual(read(source));
    const [ours, theirs] = [folder, source].map((path) =>
      SafetensorsFile.open(join(path, 'adapter_model.safetensors')),
    );
    expect([...ours!.tensors.keys()].sort()).toEqual([...theirs!.tensors.keys()].sort());
    for (const key of theirs!.tensors.keys()) expect(ours!.bytes(key)).toEqual(theirs!.bytes(key));
    ours!.close();
    theirs!.close();
    adapter.dispose();
    model.dispose();
  });

  it('of an older version, in a pickle, has the same tensors', () => {
    const model = loadGemma(adapterBase('layers'), { quantization: 'none' });
    const [old, plain] = ['pickle', 'layers'].map((name) =>
      loadAdapter(join(FIXTURES, name), model.linearLayers()),
    );
    expect(old!.weights.names()).toEqual(plain!.weights.names());
    for (const name of plain!.weights.names())
      expect(old!.weights.get(name).dataSync()).toEqual(plain!.weights.get(name).dataSync());
    for (const each of [model, old!, plain!]) each.dispose();
  });

  it.each(['model.language_model.', 'language_model.model.'])('of a multimodal model: %s', (prefix) => {
    const folder = temporary();
    const source = join(FIXTURES, 'patterns');
    cpSync(join(source, 'adapter_config.json'), join(folder, 'adapter_config.json'));
    const config = JSON.parse(readFileSync(join(source, 'adapter_config.json'), 'utf8'));
    const changed = {
      ...config,
      exclude_modules: `.*${prefix.replaceAll('.', '\\.')}layers\\.1\\.mlp\\.up_proj`,
      rank_pattern: { up_proj: 2, [`${prefix.replaceAll('.', '\\.')}layers\\.[01]\\.self_attn\\.q_proj`]: 6 },
    };
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(changed));
    const file = SafetensorsFile.open(join(source, 'adapter_model.safetensors'));
    writeSafetensors(
      join(folder, 'adapter_model.safetensors'),
      [...file.tensors].map(([name, { shape }]) => [
        name.replace('base_model.model.model.', `base_model.model.${prefix}`),
        { dtype: 'F32', shape, data: file.floats(name) },
      ]),
    );
    file.close();
    const model = loadGemma(adapterBase('patterns'), { quantization: 'none' });
    const [adapter, plain] = [folder, source].map((path) => loadAdapter(path, model.linearLayers()));
    expect([...adapter!.layers]).toEqual([...plain!.layers]);
    expect(adapter!.weights.names()).toEqual(plain!.weights.names());
    // saved, it is again one of the multimodal model, whose vision model has layers of the same names
    const again = temporary();
    adapter!.save(again, { nameOrPath: 'base', task: 'CAUSAL_LM' });
    const written = SafetensorsFile.open(join(again, 'adapter_model.safetensors'));
    for (const name of written.tensors.keys())
      expect(name.startsWith(`base_model.model.${prefix}layers.`)).toBe(true);
    written.close();
    const { target_modules: targets } = JSON.parse(readFileSync(join(again, 'adapter_config.json'), 'utf8'));
    expect(targets).toContain(`${prefix}layers.0.self_attn.q_proj`);
    const reloaded = loadAdapter(again, model.linearLayers());
    expect(new Map(reloaded.layers)).toEqual(new Map(plain!.layers));
    for (const each of [model, adapter!, plain!, reloaded]) each.dispose();
  });
});

describeBackends('a DoRA adapter', () => {
  it('begins by changing nothing, and drops rows of what it adds alone', () => {
    const model = loadGemma('test/fixtures/lora/base', { quantization: 'nf4' });
    const golden = SafetensorsFile.open(join(FIXTURES, 'dora', 'golden.safetensors'));
    const { batch } = readBatch(golden);
    const hidden = (mode = {}) => model.hiddenStates(batch, mode).dataSync();
    const plain = hidden();
    const adapter = loadAdapter(join(FIXTURES, 'dora'), model.linearLayers());
    const config = { ...adapter.config, dropout: 0.5 };
    adapter.dispose();
    model.adapter = new LoraAdapter(config);
    model.adapter.initialise(model.linearLayers(), 1, (layer) => model.linear(layer));
    expectClose(hidden(), plain, 1e-5, 'a fresh adapter');
    // magnitude / norm is 1 and B is 0: with dropout, too, nothing changes
    expectClose(hidden({ dropoutKey: 7 }), plain, 1e-5, 'a fresh adapter with dropout');
    for (const name of model.adapter.weights.names().filter((each) => each.includes('magnitude')))
      model.adapter.weights.set(
        name,
        tf.tidy(() => tf.mul(model.adapter!.weights.get(name), 1.5)),
      );
    const [one, other] = [hidden({ dropoutKey: 7 }), hidden({ dropoutKey: 8 })];
    expect(() => expectClose(one, other, 1e-3)).toThrow('deviate');
    expectClose(hidden({ dropoutKey: 7 }), one, 0, 'the same key');
    // as peft: W x + (m / n − 1) W x' + m / n · scale · B A x', with x' what dropout leaves of x
    const layer = 'model.layers.1.mlp.up_proj';
    const [base, names] = [model.linear(layer), adapterTensors(layer)];
    const [a, b, m] = [names.a, names.b, names.magnitude].map((name) => model.adapter!.weights.get(name));
    const x = tf.randomNormal([5, a!.shape[1]!], 0, 1, 'float32', 3);
    const dropped = run(ops.dropout, { x }, { rate: 0.5, key: randomKey(9, layer, 'lora') });
    model.adapter.weights.set(names.b, tf.randomNormal(b!.shape, 0, 0.1, 'float32', 4));
    const delta = tf.mul(tf.matMul(model.adapter.weights.get(names.b), a!), 2) as tf.Tensor2D;
    const gain = tf.sub(tf.div(m!, tf.norm(tf.add(base.weight(), delta), 2, 1)), 0);
    const added = tf.mul(tf.matMul(dropped, delta, false, true), gain);
    const scaled = tf.mul(base.project(dropped), tf.sub(gain, 1));
    expectClose(
      model.adapter.project(layer, x, base, { dropoutKey: 9 }),
      tf.add(tf.add(base.project(x), scaled), added),
      1e-5,
      'one layer with dropout',
    );
    model.dispose();
    golden.close();
  });
});
