import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import { type LoadGemmaOptions, loadGemma } from '../../src/models/decoders.js';
import { SafetensorsFile, writeSafetensors } from '../../src/models/formats/safetensors.js';
import type { CausalBatch, GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import type { LoraConfig } from '../../src/models/lora/config.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { type ExportOptions, exportAdapter } from '../../src/recipes/export.js';
import { TruecastError } from '../../src/support/errors.js';
import type { Progress } from '../../src/support/progress.js';
import { silent } from '../../src/support/progress.js';
import { readBatch } from '../helpers/adapters.js';
import { testBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { temporaryFolders } from '../helpers/temporary.js';

const FIXTURES = 'test/fixtures';
const temporary = temporaryFolders();
const backend = testBackends()[0]!;
const TOLERANCE = 1e-4;

beforeAll(async () => {
  await selectBackend(backend);
});

const exported = (options: Omit<ExportOptions, 'backend'>, progress: Progress = silent) =>
  exportAdapter({ ...options, backend }, { progress });

function adapterBase(name: string): string {
  const config = JSON.parse(readFileSync(join(FIXTURES, 'adapters', name, 'adapter_config.json'), 'utf8'));
  return join(FIXTURES, config.base_model_name_or_path);
}

/** An adapter that does something, over a base without one in the fixtures. */
function writeAdapter(base: string, config: LoraConfig, folder: string): void {
  const model = loadGemma(base, { quantization: 'none' });
  const adapter = new LoraAdapter(config, undefined, model.prefix);
  adapter.initialise(model.linearLayers(), 5, (layer) => model.linear(layer));
  for (const name of adapter.weights.names().filter((each) => !each.includes('lora_A'))) {
    const { shape } = adapter.weights.get(name);
    const noise = tf.randomNormal(shape, 0, 0.1, 'float32', name.length);
    adapter.weights.set(name, name.includes('lora_B') ? noise : tf.add(adapter.weights.get(name), noise));
  }
  adapter.save(folder, { nameOrPath: resolve(base), task: 'CAUSAL_LM' });
  adapter.dispose();
  model.dispose();
}

const PATTERNED: LoraConfig = {
  ...{
    rank: 4,
    alpha: 6,
    dropout: 0.1,
    rslora: true,
    targetModules: ['q_proj', 'v_proj', 'o_proj', 'up_proj'],
  },
  rankPattern: { 'mlp.up_proj': 2 },
  alphaPattern: { '.*\\.0\\..*q_proj': 3 },
};
const DORA: LoraConfig = {
  rank: 3,
  alpha: 3,
  dropout: 0,
  rslora: false,
  targetModules: 'all-linear',
  dora: true,
};

interface Case {
  name: string;
  base: string;
  adapter: string;
  dora: boolean;
}

function cases(): Case[] {
  const ready = ['dora', 'dora-float', 'patterns', 'layers'].map((name) => ({
    ...{
      name,
      base: adapterBase(name),
      adapter: join(FIXTURES, 'adapters', name),
      dora: name.startsWith('dora'),
    },
  }));
  const fresh = (['gemma2-a', 'gemma3-a', 'gemma3-vision'] as const).flatMap((family) =>
    [PATTERNED, DORA].map((config) => {
      const dora = config.dora ?? false;
      const name = `${family}-${dora ? 'dora' : 'lora'}`;
      const base = join(FIXTURES, 'gemma', family);
      const adapter = join(temporary(), name);
      writeAdapter(base, config, adapter);
      return { name, base, adapter, dora };
    }),
  );
  return [...ready, ...fresh];
}

function logitsOf(model: GemmaForCausalLM, batch: CausalBatch): Float32Array {
  const [B, T] = batch.inputIds.shape;
  return tf
    .tidy(() => model.logits(model.hiddenStates(batch).reshape([B * T, -1])))
    .dataSync() as Float32Array;
}

function logits(
  base: string,
  adapter: string | undefined,
  batch: CausalBatch,
  quantization: LoadGemmaOptions['quantization'] = 'none',
): Float32Array {
  const model = loadGemma(base, { quantization });
  if (adapter) model.adapter = loadAdapter(adapter, model.linearLayers());
  const values = logitsOf(model, batch);
  model.dispose();
  return values;
}

function goldenBatch(base: string): CausalBatch {
  const folder = base.includes('lora/base') ? join(FIXTURES, 'lora/plain') : base;
  const golden = SafetensorsFile.open(join(folder, 'golden.safetensors'));
  const { batch } = readBatch(golden);
  golden.close();
  return batch;
}

describe(`exports (${backend})`, () => {
  it('give what the adapter gives over its base: PEFT folders and merged models, and to their libraries too', async () => {
    const all = temporary();
    for (const { name, base, adapter, dora } of cases()) {
      const batch = goldenBatch(base);
      const expected = logits(base, adapter, batch);
      const write = (kind: string, path: string) => {
        const folder = join(all, `${name}-${kind}`);
        mkdirSync(folder, { recursive: true });
        const told = { kind, base: resolve(base), path, tolerance: TOLERANCE };
        writeFileSync(join(folder, 'case.json'), JSON.stringify(told));
        const { inputIds, segments } = batch;
        const mask = Float32Array.from(segments.dataSync(), (segment) => (segment < 0 ? 0 : 1));
        const { shape } = inputIds;
        writeSafetensors(join(folder, 'logits.safetensors'), [
          ['input_ids', { dtype: 'I32', shape, data: inputIds.dataSync() as Int32Array }],
          ['attention_mask', { dtype: 'F32', shape, data: mask }],
          [
            'logits',
            { dtype: 'F32', shape: [...shape, expected.length / (shape[0] * shape[1])], data: expected },
          ],
        ]);
        return join(folder, path);
      };
      const peft = write('peft', 'adapter');
      await exported({ format: 'peft', adapter, out: peft, base: resolve(base) });
      expectClose(logits(base, peft, batch), expected, 0, `${name} as peft`);
      const merged = write('merged', 'model');
      await exported({ format: 'merged', adapter, out: merged, base, dtype: 'f32' });
      expectClose(logits(merged, undefined, batch), expected, TOLERANCE, `${name} merged`);
      const out = join(all, `${name}-gguf`, 'lora.gguf');
      if (dora) {
        await expect(exported({ format: 'gguf', adapter, out, base })).rejects.toThrow('DoRA');
        expect(existsSync(out)).toBe(false);
      } else if (!name.includes('vision')) {
        await exported({ format: 'gguf', adapter, out: write('gguf', 'lora.gguf'), base });
      }
      tf.dispose(Object.values(batch));
    }
    await verify(all);
  });

  it.each(['dora', 'dora-float', 'patterns', 'layers'])('merge as peft does: %s', async (name) => {
    const adapter = join(FIXTURES, 'adapters', name);
    const out = join(temporary(), 'merged');
    const base = adapterBase(name);
    await exported({ format: 'merged', adapter, out, base });
    const golden = SafetensorsFile.open(join(adapter, 'golden.safetensors'));
    const [merged, original] = [out, base].map((path) =>
      SafetensorsFile.open(join(path, 'model.safetensors')),
    );
    let compared = 0;
    for (const key of merged!.tensors.keys()) {
      if (golden.tensors.has(`merged.${key}`)) {
        expectClose(merged!.floats(key), golden.floats(`merged.${key}`), 1e-5, key);
        compared++;
      } else expect(merged!.bytes(key)).toEqual(original!.bytes(key));
    }
    expect(compared).toBe([...golden.tensors.keys()].filter((key) => key.startsWith('merged.')).length);
    for (const file of [golden, merged!, original!]) file.close();
  });

  it.each(['nf4', 'nf4-double'] as const)(
    'merge over what %s leaves of the base, as in training',
    async (over) => {
      const base = join(FIXTURES, 'models/gemma-b');
      const adapter = join(temporary(), 'adapter');
      mkdirSync(adapter);
      for (const file of ['adapter_config.json', 'adapter_model.safetensors'])
        copyFileSync(join(FIXTURES, 'adapters/patterns', file), join(adapter, file));
      writeFileSync(
        join(adapter, 'truecast.json'),
        JSON.stringify({ character: 'odile', method: 'rag', quantization: over }),
      );
      const batch = goldenBatch(base);
      const notes: string[] = [];
      const noting = { ...silent, note: (text: string) => void notes.push(text) };
      const trained = logits(base, adapter, batch, over);
      const [out, plain] = [join(temporary(), 'merged'), join(temporary(), 'plain')];
      const result = await exported({ format: 'merged', adapter, out, base }, noting);
      expect(result).toMatchObject({ over, dtype: 'f32', files: ['model.safetensors'] });
      expect(notes.at(-1)).toContain('as in training');
      expectClose(logits(out, undefined, batch), trained, TOLERANCE, 'merged');
      await exported({ format: 'merged', adapter, out: plain, base, over: 'float' }, noting);
      expect(notes.at(-1)).toMatch(/warning: .* trained over nf4/);
      expect(() => expectClose(logits(plain, undefined, batch), trained, TOLERANCE)).toThrow('deviate');
      // the card of a PEFT folder says where it comes from
      const card = join(temporary(), 'peft');
      await exported({ format: 'peft', adapter, out: card, base: 'google/gemma-2b' });
      const text = readFileSync(join(card, 'README.md'), 'utf8');
      expect(text).toMatch(/^---\nbase_model: google\/gemma-2b\nlibrary_name: peft\n/);
      expect(text).toContain('# odile-rag');
      expect(text).toContain('in 4 bits');
      expect(readdirSync(card).sort()).toEqual([
        'README.md',
        'adapter_config.json',
        'adapter_model.safetensors',
      ]);
      const config = JSON.parse(readFileSync(join(card, 'adapter_config.json'), 'utf8'));
      expect(config.base_model_name_or_path).toBe('google/gemma-2b');
    },
  );

  it('in shards with an index, and in other types', async () => {
    const adapter = join(FIXTURES, 'adapters/patterns');
    const base = adapterBase('patterns');
    const [whole, parts, half] = ['whole', 'parts', 'half'].map((name) => join(temporary(), name));
    await exported({ format: 'merged', adapter, out: whole!, base });
    const result = await exported({
      format: 'merged',
      adapter,
      out: parts!,
      base,
      maxShard: 20_000,
      dtype: 'bf16',
    });
    expect(result.files.length).toBeGreaterThan(2);
    const index = JSON.parse(readFileSync(join(parts!, 'model.safetensors.index.json'), 'utf8'));
    const one = SafetensorsFile.open(join(whole!, 'model.safetensors'));
    let total = 0;
    const names: string[] = [];
    for (const file of result.files) {
      const shard = SafetensorsFile.open(join(parts!, file));
      let size = 0;
      for (const [name, { dtype }] of shard.tensors) {
        names.push(name);
        expect(dtype).toBe('BF16');
        expect(index.weight_map[name]).toBe(file);
        expectClose(shard.floats(name), one.floats(name), 2 ** -8, name);
        size += shard.bytes(name).length;
      }
      expect(size).toBeLessThanOrEqual(20_000);
      total += size;
      shard.close();
    }
    expect(names.sort()).toEqual([...one.tensors.keys()].sort());
    expect(index.metadata.total_size).toBe(total);
    expect(JSON.parse(readFileSync(join(parts!, 'config.json'), 'utf8')).torch_dtype).toBe('bfloat16');
    await exported({ format: 'merged', adapter, out: half!, base, dtype: 'f16' });
    const file = SafetensorsFile.open(join(half!, 'model.safetensors'));
    for (const name of one.tensors.keys()) expectClose(file.floats(name), one.floats(name), 2 ** -11, name);
    file.close();
    one.close();
  });

  it('are refused where something stands, does not fit, or is beyond the type', async () => {
    const adapter = join(FIXTURES, 'adapters/patterns');
    const base = adapterBase('patterns');
    const out = join(temporary(), 'out');
    await expect(exported({ format: 'peft', adapter, out: temporary() })).rejects.toThrow('exists already');
    await expect(exported({ format: 'gguf', adapter, out, base, dtype: 'bf16' })).rejects.toThrow(
      'f32 or f16',
    );
    const other = join(FIXTURES, 'models/gemma-a');
    for (const format of ['gguf', 'merged'] as const)
      await expect(exported({ format, adapter, out, base: other })).rejects.toThrow(
        'does not fit the base model',
      );
    const nameless = join(temporary(), 'adapter');
    mkdirSync(nameless);
    copyFileSync(join(adapter, 'adapter_model.safetensors'), join(nameless, 'adapter_model.safetensors'));
    const config = JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8'));
    const write = (changes: object) =>
      writeFileSync(join(nameless, 'adapter_config.json'), JSON.stringify({ ...config, ...changes }));
    write({ base_model_name_or_path: null });
    await expect(exported({ format: 'peft', adapter: nameless, out })).rejects.toThrow(
      'does not name the base',
    );
    write({ alpha_pattern: { q_proj: 1e9 } });
    for (const format of ['gguf', 'merged'] as const)
      await expect(exported({ format, adapter: nameless, out, base, dtype: 'f16' })).rejects.toThrow(
        'F16 cannot hold',
      );
    await expect(
      exported({ format: 'peft', adapter: nameless, out: join('/dev/null', 'x') }),
    ).rejects.toThrow(TruecastError);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(join(out, '..'))).toEqual([]);
  });
});

/** Runs the check of test/fixtures/adapters.py where a Python with its libraries is; says so where not. */
async function verify(folder: string): Promise<void> {
  const python = process.env.TRUECAST_PYTHON ?? 'python3';
  const needed = ['torch', 'transformers', 'peft', 'trl', 'bitsandbytes', 'gguf'];
  const probe = `import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ${JSON.stringify(needed)})))`;
  const has = await run(python, ['-c', probe]);
  if (has.code !== 0) {
    process.stderr.write(
      `skipped: exports against ${needed.join(', ')}: ${python} lacks them (TRUECAST_PYTHON)\n`,
    );
    return;
  }
  const { code, output } = await run(python, [join(FIXTURES, 'adapters.py'), 'verify', folder]);
  expect(code, output).toBe(0);
  expect(output.match(/^ok /gm)?.length).toBe(readdirSync(folder).length);
}

function run(program: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((done) => {
    const child = spawn(program, args, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
    child.on('error', () => done({ code: null, output }));
    child.on('close', (code) => done({ code, output }));
  });
}
