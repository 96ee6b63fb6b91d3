import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import { BnbFile } from '../../src/models/bnb/file.js';
import { saveBnb4bit } from '../../src/models/bnb/save.js';
import { pythonFloat, readState, stateBytes } from '../../src/models/bnb/state.js';
import { loadSequenceClassifier } from '../../src/models/classifiers.js';
import { loadGemma } from '../../src/models/decoders.js';
import { openModel } from '../../src/models/files.js';
import {
  SafetensorsFile,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/models/formats/safetensors.js';
import type { TensorFile } from '../../src/models/formats/tensorFile.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { type CausalBatch, GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { mergedTensors } from '../../src/models/lora/merge.js';
import { nestedCode } from '../../src/models/nestedCode.js';
import { nf4ToDevice, type Quantization, quantizeNf4, wordsBytes } from '../../src/models/nf4.js';
import { nf4Values } from '../../src/models/nf4Values.js';
import { saveModel } from '../../src/models/weights.js';
import { dequantizeNf4, NF4_CODES } from '../../src/ops/nf4.js';
import { bitsAt, randomKey, uniformAt } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { temporaryFolders } from '../helpers/temporary.js';

/** Checkpoints as transformers saves them: test/fixtures/bnb.py. */
const FIXTURES = 'test/fixtures/bnb';
const CHECKPOINTS: [name: string, kind: Quantization][] = [
  ['plain', 'nf4'],
  ['double-bf16', 'nf4-double'],
  ['skip-storage', 'nf4-double'],
  ['blocks', 'nf4'],
  ['blocks-double', 'nf4-double'],
  ['gemma2', 'nf4-double'],
  ['gemma3-vision', 'nf4'],
];
const BASE = 'test/fixtures/models/gemma-b';
const LAYER = 'model.layers.0.mlp.gate_proj.weight';
const temporary = temporaryFolders();

const readConfig = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;

function withFile<T>(path: string, use: (file: SafetensorsFile) => T): T {
  const file = SafetensorsFile.open(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

function goldenBatch(golden: SafetensorsFile): CausalBatch {
  const ints = (key: string) =>
    tf.tensor2d(golden.ints(key), golden.info(key).shape as [number, number], 'int32');
  const inputIds = ints('input_ids');
  const [B, T] = inputIds.shape;
  return {
    inputIds,
    segments: tf.sub(ints('attention_mask'), tf.scalar(1, 'int32')),
    positions: tf.tile(tf.range(0, T, 1, 'int32').expandDims<tf.Tensor2D>(0), [B, 1]),
  };
}

/** Compares the model's logits with the file's, of tokens: what a model says of padding means nothing. */
function checkLogits(model: GemmaForCausalLM, golden: SafetensorsFile, what: string): void {
  tf.tidy(() => {
    const batch = goldenBatch(golden);
    const logits = model.logits(model.hiddenStates(batch).reshape([-1, model.config.hidden_size]));
    const segments = batch.segments.dataSync();
    const ofTokens = (values: ArrayLike<number>) =>
      Array.from(values).filter((_, i) => segments[Math.floor(i / model.config.vocab_size)]! >= 0);
    expectClose(ofTokens(logits.dataSync()), ofTokens(golden.floats('logits')), 1e-5, what);
  });
}

/** A model's weights in BF16. */
function rounded(base: string): string {
  const folder = temporary();
  const model = loadGemma(base, { quantization: 'none' });
  saveModel(folder, readConfig(base), model.weights, 'BF16');
  model.dispose();
  return folder;
}

/** Every tensor of a file: type, shape and bytes. */
function contents(folder: string): Record<string, unknown> {
  return withFile(join(folder, 'model.safetensors'), (file) =>
    Object.fromEntries(
      [...file.tensors].map(([name, { dtype, shape }]) => [
        name,
        { dtype, shape, bytes: Buffer.from(file.bytes(name)).toString('hex') },
      ]),
    ),
  );
}

describeBackends('bitsandbytes checkpoints', () => {
  it.each(CHECKPOINTS)('%s: logits equal those over the dequantised weights', (name, kind) => {
    const folder = join(FIXTURES, name);
    const before = tf.memory().numTensors;
    withFile(join(folder, 'golden.safetensors'), (golden) => {
      for (const quantization of [kind, 'none'] as const) {
        const model = loadGemma(folder, { quantization });
        // everything packed, but what the configuration skips and 'none' dequantises
        const all = name === 'skip-storage' ? 8 : model.linearLayers().size;
        const packed = { none: 0, [kind]: all }[quantization];
        expect(model.quantized.size).toBe(packed);
        checkLogits(model, golden, `logits, ${quantization}`);
        model.dispose();
      }
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('packed bytes go to the device as they are', () => {
    for (const [name, kind] of CHECKPOINTS) {
      const folder = join(FIXTURES, name);
      const model = loadGemma(folder, { quantization: kind });
      withFile(join(folder, 'model.safetensors'), (file) => {
        for (const [layer, { packed }] of model.quantized) {
          const text = layer.replace(/^model\./, '');
          const stored = file.bytes([...file.tensors.keys()].find((key) => key.endsWith(`${text}.weight`))!);
          expect(Buffer.from(wordsBytes(packed, stored.length))).toEqual(Buffer.from(stored));
        }
      });
      model.dispose();
    }
  });

  it('what is written equals what transformers writes, tensor by tensor', () => {
    const half = rounded(BASE);
    for (const [base, quantization, dtype, theirs] of [
      [BASE, 'nf4', 'F32', 'plain'],
      [half, 'nf4-double', 'BF16', 'double-bf16'],
    ] as const) {
      const folder = temporary();
      const model = loadGemma(base, { quantization });
      saveBnb4bit(folder, openModel(base), model, dtype);
      model.dispose();
      expect(contents(folder)).toEqual(contents(join(FIXTURES, theirs)));
      const ours = readConfig(folder);
      const { quantization_config: expected, dtype: torchName } = readConfig(join(FIXTURES, theirs));
      const { llm_int8_threshold: _default, ...rest } = expected as Record<string, unknown>;
      expect(ours.quantization_config).toEqual(rest);
      expect(ours.dtype ?? ours.torch_dtype).toBe(torchName);
    }
  });

  it.each(CHECKPOINTS)('%s: loaded and written again, it is the same model', (name, kind) => {
    const folder = join(FIXTURES, name);
    const again = temporary();
    const model = loadGemma(folder, { quantization: kind });
    saveBnb4bit(again, openModel(folder), model, name === 'double-bf16' ? 'BF16' : 'F32');
    model.dispose();
    if (name === 'plain' || name === 'double-bf16') expect(contents(again)).toEqual(contents(folder));
    const rewritten = loadGemma(again, { quantization: kind });
    withFile(join(folder, 'golden.safetensors'), (golden) => checkLogits(rewritten, golden, 'logits'));
    rewritten.dispose();
  });

  it('an adapter is merged into what its packed base stands for, which is not quantised again', () => {
    const adapter = loadAdapter(
      'test/fixtures/lora/plain',
      new GemmaForCausalLM(parseGemmaConfig(readConfig(BASE))).linearLayers(),
    );
    const file = openModel(join(FIXTURES, 'double-bf16')).openWeights();
    const name = 'model.layers.1.mlp.up_proj.weight';
    const linear = new Map([[name.replace('.weight', ''), file.tensors.get(name)!.shape]]);
    const rename = (key: string) => key;
    const [floats, double] = (['float', 'nf4-double'] as const).map((over) => {
      const tensors = mergedTensors(file, adapter, { dtype: 'F32', over, rename, linear });
      return new Map(tensors).get(name)!.data();
    });
    expect(floats).toEqual(double);
    expect(floats).not.toEqual(file.floats(name));
    file.close();
    adapter.dispose();
  });

  it('scales of larger blocks, twice quantised, reach the weights that they are of', () => {
    const [out, inputs, blocksize] = [300, 130, 128];
    const size = out * inputs;
    const blocks = Math.ceil(size / blocksize);
    const key = randomKey('blocks');
    const bytes = (count: number, from: number) =>
      Uint8Array.from({ length: count }, (_, i) => bitsAt(key, from + i) & 255);
    const tensors = new Map<string, Uint8Array | Float32Array>([
      ['w', bytes(size / 2, 0)],
      ['w.quant_map', NF4_CODES],
      ['w.absmax', bytes(blocks, size)],
      ['w.nested_quant_map', nestedCode()],
      [
        'w.nested_absmax',
        Float32Array.from({ length: Math.ceil(blocks / 256) }, (_, i) => uniformAt(key, i)),
      ],
      [
        'w.quant_state.bitsandbytes__nf4',
        Buffer.from(
          JSON.stringify({
            quant_type: 'nf4',
            blocksize,
            dtype: 'float32',
            shape: [out, inputs],
            nested_blocksize: 256,
            nested_dtype: 'float32',
            nested_offset: 0.25,
          }),
        ),
      ],
    ]);
    expect(tensors.get('w.nested_absmax')).toHaveLength(2);
    const file: TensorFile = {
      path: 'x',
      tensors: new Map(
        [...tensors].map(([name, data]) => [
          name,
          {
            dtype: data instanceof Uint8Array ? 'U8' : 'F32',
            shape: name === 'w' ? [data.length, 1] : [data.length],
          },
        ]),
      ),
      floats: (name) => tensors.get(name) as Float32Array,
      bytes: (name) => tensors.get(name) as Uint8Array,
      close: () => {},
    };
    const opened = BnbFile.of(file, { kind: 'nf4-double', skips: () => false });
    expect([...opened.tensors]).toEqual([['w', { dtype: 'NF4', shape: [out, inputs] }]]);
    const [codes, indices, outer] = ['w', 'w.absmax', 'w.nested_absmax'].map((name) => tensors.get(name)!);
    const expected = Float32Array.from({ length: size }, (_, i) => {
      const code = i & 1 ? codes![i >> 1]! & 15 : codes![i >> 1]! >> 4;
      const block = Math.floor(i / blocksize);
      const inner = Math.fround(nestedCode()[indices![block]!]! * outer![Math.floor(block / 256)]!);
      return NF4_CODES[code]! * Math.fround(inner + 0.25);
    });
    expectClose(opened.floats('w'), expected, 0, 'on the host');
    const { matrix, nested } = opened.packed('w')!;
    tf.tidy(() => {
      const device = dequantizeNf4(nf4ToDevice(matrix, nested), out, inputs);
      expectClose(device, expected, 0, 'on the device');
    });
  });
});

describe('transformers and bitsandbytes', () => {
  const python = process.env.TRUECAST_PYTHON ?? 'python3';
  const needed = ['torch', 'transformers', 'accelerate', 'bitsandbytes', 'peft', 'trl'];
  const probe = `import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ${JSON.stringify(needed)})))`;
  const there = spawnSync(python, ['-c', probe]).status === 0;
  if (!there)
    process.stderr.write(
      `skipped: packed checkpoints against ${needed.join(', ')}: ${python} lacks them (TRUECAST_PYTHON)\n`,
    );

  it.runIf(there).each([
    [BASE, 'nf4', 'F32'],
    [BASE, 'nf4-double', 'BF16'],
    ['test/fixtures/gemma/gemma2-a', 'nf4-double', 'F32'],
  ] as const)(
    'load what is written from %s as %s, %s, and run it alike',
    (base, quantization, dtype) => {
      const folder = temporary();
      // what bitsandbytes packs in BF16 has been rounded to it
      const source = dtype === 'BF16' ? rounded(base) : base;
      const model = loadGemma(source, { quantization });
      saveBnb4bit(folder, openModel(source), model, dtype);
      model.dispose();
      const run = spawnSync(python, ['test/fixtures/bnb.py', 'verify', folder, source], {
        encoding: 'utf8',
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      });
      expect(run.status, run.stderr).toBe(0);
      expect(run.stdout).toContain('all as bitsandbytes makes them, and the same logits');
    },
    300_000,
  );
});

it('a packed encoder is dequantised', () => {
  const folder = temporary();
  const source = 'test/fixtures/models/bert';
  const name = 'bert.encoder.layer.0.output.dense.weight';
  const quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4' };
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({ ...readConfig(source), quantization_config: quantization }),
  );
  const tensors = withFile(
    join(source, 'model.safetensors'),
    (file) =>
      new Map<string, TensorToWrite>(
        [...file.tensors].map(([key, { shape }]) => [key, { dtype: 'F32', shape, data: file.floats(key) }]),
      ),
  );
  const shape = tensors.get(name)!.shape as [number, number];
  const matrix = quantizeNf4(tensors.get(name)!.data as Float32Array, shape);
  const { packed, absmax } = matrix;
  const state = stateBytes(shape, 'float32');
  tensors.set(name, { dtype: 'U8', shape: [packed.length, 1], data: packed });
  tensors.set(`${name}.absmax`, { dtype: 'F32', shape: [absmax.length], data: absmax });
  tensors.set(`${name}.quant_map`, { dtype: 'F32', shape: [16], data: NF4_CODES });
  tensors.set(`${name}.quant_state.bitsandbytes__nf4`, { dtype: 'U8', shape: [state.length], data: state });
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
  const { model } = loadSequenceClassifier(folder, 'required');
  expect(model.weights.get(name).shape).toEqual(shape);
  expectClose(model.weights.get(name), nf4Values(matrix), 0);
  model.weights.dispose();
});

describe('refused', () => {
  function refusal(call: () => unknown): string {
    try {
      call();
    } catch (error) {
      expect((error as Error).name).toBe('TruecastError');
      return (error as Error).message;
    }
    throw new Error('expected a refusal');
  }

  /** A copy of a checkpoint with its quantization_config and tensors changed. */
  function changed(
    changes: Record<string, unknown> | undefined,
    change: (tensors: Map<string, TensorToWrite>) => void = () => {},
  ): string {
    const folder = temporary();
    const source = join(FIXTURES, 'double-bf16');
    const { quantization_config: quantization, ...config } = readConfig(source);
    const merged = changes && { ...(quantization as object), ...changes };
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, quantization_config: merged }));
    const tensors = withFile(join(source, 'model.safetensors'), (file) => {
      return new Map<string, TensorToWrite>(
        [...file.tensors].map(([name, { dtype, shape }]) => [
          name,
          dtype === 'U8'
            ? { dtype, shape, data: file.bytes(name) }
            : { dtype: dtype as 'F32' | 'BF16', shape, data: file.floats(name) },
        ]),
      );
    });
    change(tensors);
    writeSafetensors(join(folder, 'model.safetensors'), tensors);
    return folder;
  }

  const load = (folder: string, quantization: Quantization = 'nf4-double') =>
    refusal(() => loadGemma(folder, { quantization }));
  const state = (edit: (json: string) => string) => (tensors: Map<string, TensorToWrite>) => {
    const name = `${LAYER}.quant_state.bitsandbytes__nf4`;
    const data = Buffer.from(edit(Buffer.from(tensors.get(name)!.data as Uint8Array).toString()));
    tensors.set(name, { dtype: 'U8', shape: [data.length], data });
  };
  const move = (from: string, to: string) => (tensors: Map<string, TensorToWrite>) => {
    tensors.set(to, tensors.get(from)!);
    tensors.delete(from);
  };

  it('another quantisation than the file has', async () => {
    await selectBackend('cpu');
    expect(load(join(FIXTURES, 'double-bf16'), 'nf4')).toContain(
      'is packed as nf4-double, and the quantization',
    );
    expect(load(join(FIXTURES, 'plain'), 'nf4-double')).toContain('is packed as nf4, and the quantization');
  });

  it.each([
    [{ bnb_4bit_quant_type: 'fp4' }, 'bnb_4bit_quant_type "fp4" is not supported'],
    [{ load_in_4bit: false, load_in_8bit: true }, '8-bit weights'],
    [{ load_in_4bit: false }, 'neither load_in_4bit nor load_in_8bit'],
    [{ quant_method: 'gptq' }, 'quant_method "gptq" is not supported'],
    [{ load_in_4bit: 'yes' }, 'load_in_4bit: '],
    [{ llm_int8_skip_modules: ['layers.*'] }, 'has the pattern "layers.*"'],
    [{ llm_int8_skip_modules: ['gate_proj'] }, `${LAYER} is packed, and llm_int8_skip_modules names it`],
    [{ llm_int8_skip_modules: ['model.layers.0'] }, `${LAYER} is packed, and llm_int8_skip_modules names it`],
    [undefined, 'config.json has no quantization_config'],
  ])('quantization_config %j', (changes, message) => {
    expect(load(changed(changes))).toContain(message);
  });

  it('what the configuration says of double quantisation and the file does not', () => {
    const folder = changed({ bnb_4bit_use_double_quant: false });
    expect(load(folder, 'nf4')).toContain(`${LAYER} is packed as nf4-double, not as nf4`);
  });

  it('a layer that is not packed and not named as such', () => {
    const folder = changed({}, (tensors) => {
      for (const name of [...tensors.keys()]) if (name.startsWith(`${LAYER}.`)) tensors.delete(name);
      tensors.set(LAYER, { dtype: 'F32', shape: [56, 40], data: new Float32Array(56 * 40) });
    });
    expect(load(folder)).toContain(
      `not packed, and not named in llm_int8_skip_modules: ${LAYER.replace('.weight', '')}`,
    );
  });

  it.each([
    [
      'fp4',
      move(`${LAYER}.quant_state.bitsandbytes__nf4`, `${LAYER}.quant_state.bitsandbytes__fp4`),
      'only nf4',
    ],
    [
      'a packed head',
      move(`${LAYER}.quant_state.bitsandbytes__nf4`, 'lm_head.weight.quant_state.bitsandbytes__nf4'),
      'lm_head.weight is packed, apart from the embeddings',
    ],
    ['no scales', move(`${LAYER}.absmax`, 'other'), `missing: ${LAYER}.absmax [35]`],
    ['not JSON', state((json) => json.slice(1)), 'bitsandbytes__nf4 is not JSON'],
    [
      'another shape',
      state((json) => json.replace('[56, 40]', '[40, 56]')),
      `${LAYER} is [40,56], config.json asks for [56,40]`,
    ],
    ['blocks of 32', state((json) => json.replace('64', '32')), 'blocksize: blocks of 64 to 4096'],
    [
      'blocks of 128',
      state((json) => json.replace('64', '128')),
      `${LAYER}.absmax is [35], config.json asks for [18]`,
    ],
    ['nested blocks', state((json) => json.replace('256', '64')), 'nested_blocksize: '],
    [
      'half a state',
      state((json) => json.replace(/, "nested_offset.*/, '}')),
      'nested_offset: nested_blocksize, nested_dtype and',
    ],
    ['a huge state', state((json) => json + ' '.repeat(5000)), 'expected at most 4096 bytes of JSON'],
    [
      'another code book',
      (tensors: Map<string, TensorToWrite>) => {
        tensors.set(`${LAYER}.quant_map`, { dtype: 'F32', shape: [16], data: new Float32Array(16) });
      },
      `${LAYER}.quant_map is not the NF4 code book`,
    ],
    [
      'scales that are not finite',
      (tensors: Map<string, TensorToWrite>) => {
        const data = Float32Array.of(Number.NaN);
        tensors.set(`${LAYER}.nested_absmax`, { dtype: 'F32', shape: [1], data });
      },
      `${LAYER}.nested_absmax has values that are not finite`,
    ],
    [
      'scales of another type',
      (tensors: Map<string, TensorToWrite>) => {
        tensors.set(`${LAYER}.absmax`, { dtype: 'F32', shape: [35], data: new Float32Array(35) });
      },
      `${LAYER}.absmax is F32`,
    ],
  ])('a file with %s', (_what, change, message) => {
    const before = tf.memory().numTensors;
    expect(load(changed({}, change))).toContain(message);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('500 damaged states, or takes what says the same', () => {
    const name = `${LAYER}.quant_state.bitsandbytes__nf4`;
    withFile(join(FIXTURES, 'double-bf16', 'model.safetensors'), (file) => {
      const key = randomKey('states');
      const below = (n: number, i: number) => Math.floor(uniformAt(key, i) * n);
      let taken = 0;
      for (let i = 0; i < 500; i++) {
        const data = file.bytes(name);
        data[below(data.length, 3 * i)] = below(128, 3 * i + 1);
        const length = i % 4 === 0 ? below(data.length, 3 * i + 2) : data.length;
        const damaged: TensorFile = {
          path: 'x',
          tensors: new Map([[name, { dtype: 'U8', shape: [length] }]]),
          floats: () => new Float32Array(0),
          bytes: () => data.subarray(0, length),
          close: () => {},
        };
        try {
          const { quant_type, nested_blocksize, nested_offset } = readState(damaged, LAYER);
          expect([quant_type, nested_blocksize]).toEqual(['nf4', 256]);
          expect(Number.isFinite(nested_offset)).toBe(true);
          taken++;
        } catch (error) {
          expect((error as Error).name).toBe('TruecastError');
          expect((error as Error).message).toContain(name);
        }
      }
      // most of a state is names and punctuation; digits of the offset are not
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThan(150);
    });
  });

  it('to write a model without packed layers', () => {
    const model = loadGemma(BASE, { quantization: 'none' });
    const message = refusal(() => saveBnb4bit(temporary(), openModel(BASE), model));
    expect(message).toBe('no layer of the model is packed in NF4');
    model.dispose();
  });
});

it.each([
  [0.7877790331840515, '0.7877790331840515'],
  [1, '1.0'],
  [0, '0.0'],
  [-0, '-0.0'],
  [0.0001, '0.0001'],
  [0.00001234, '1.234e-05'],
  [-1e-7, '-1e-07'],
  [9007199254740992, '9007199254740992.0'],
  [1e16, '1e+16'],
  [3.0000000054977558e38, '3.0000000054977558e+38'],
  [1.5e-100, '1.5e-100'],
])('%d is written as Python does: %s', (value, text) => expect(pythonFloat(value)).toBe(text));
