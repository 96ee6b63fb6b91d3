import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openModel } from '../../src/models/files.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { type GemmaConfig, parseGemmaConfig } from '../../src/models/gemma/config.js';
import { ggufConfig } from '../../src/models/gguf/config.js';
import { GgufMetadata } from '../../src/models/gguf/metadata.js';
import { weightsHash } from '../../src/recipes/artifacts.js';
import { TruecastError } from '../../src/support/errors.js';
import { readJson } from '../../src/support/files.js';
import { f32, type TestTensor, type Typed, writeGguf } from '../helpers/ggufWriter.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const FIXTURES = join(import.meta.dirname, '../fixtures');
const MODELS = [
  ...readdirSync(join(FIXTURES, 'models'))
    .filter((name) => name.startsWith('gemma'))
    .map((name) => join('models', name)),
  ...['gemma2-a', 'gemma2-b', 'gemma3-a', 'gemma3-b'].map((name) => join('gemma', name)),
];

/** What llama.cpp's converter calls the parts of transformers' names, longest first. */
const PARTS: [string, string][] = [
  ['model.embed_tokens', 'token_embd'],
  ['model.norm', 'output_norm'],
  ['model.layers.', 'blk.'],
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
  ['input_layernorm', 'attn_norm'],
  ['pre_feedforward_layernorm', 'ffn_norm'],
  ['post_feedforward_layernorm', 'post_ffw_norm'],
];

function convertedName(name: string, modelType: unknown): string {
  const after = modelType === 'gemma' ? 'ffn_norm' : 'post_attention_norm';
  return [...PARTS, ['post_attention_layernorm', after] as const].reduce(
    (result, [theirs, ours]) => result.replace(theirs, ours),
    name,
  );
}

/** The metadata that llama.cpp's converter writes for a parsed configuration. */
function convertedMetadata(modelType: unknown, c: GemmaConfig): [string, Typed][] {
  const architecture = modelType === 'gemma3_text' ? 'gemma3' : String(modelType);
  const key = (name: string) => `${architecture}.${name}`;
  const local = c.layers.find(({ window }) => window !== undefined);
  const full = c.layers.find(({ window }) => window === undefined);
  const entries: [string, Typed | undefined][] = [
    ['general.architecture', ['string', architecture]],
    [key('context_length'), ['u32', c.max_position_embeddings]],
    [key('embedding_length'), ['u32', c.hidden_size]],
    [key('block_count'), ['u32', c.num_hidden_layers]],
    [key('feed_forward_length'), ['u32', c.intermediate_size]],
    [key('attention.head_count'), ['u32', c.num_attention_heads]],
    [key('attention.head_count_kv'), ['u32', c.num_key_value_heads]],
    [key('attention.layer_norm_rms_epsilon'), ['f32', c.rms_norm_eps]],
    [key('attention.key_length'), ['u32', c.head_dim]],
    [key('attention.value_length'), ['u32', c.head_dim]],
    [key('rope.freq_base'), ['f32', (full ?? c.layers[0]!).rope.theta]],
    ['tokenizer.ggml.eos_token_id', ['u32', c.endTokens[0]!]],
  ];
  const factor = full?.rope.factor ?? 1;
  if (factor !== 1) {
    entries.push([key('rope.scaling.type'), ['string', 'linear']]);
    entries.push([key('rope.scaling.factor'), ['f32', factor]]);
  }
  if (architecture !== 'gemma') {
    const sliding = c.layers.map(({ window }) => (window === undefined ? 0 : 1));
    entries.push([key('attention.sliding_window_pattern'), ['array', 'bool', sliding]]);
    if (local?.window) entries.push([key('attention.sliding_window'), ['u32', local.window]]);
    if (c.attentionCap) entries.push([key('attn_logit_softcapping'), ['f32', c.attentionCap]]);
    if (c.finalCap) entries.push([key('final_logit_softcapping'), ['f32', c.finalCap]]);
  }
  if (architecture === 'gemma3' && local)
    entries.push([key('rope.freq_base_swa'), ['f32', local.rope.theta]]);
  return entries as [string, Typed][];
}

function convert(name: string): { path: string; config: Record<string, unknown>; weights: SafetensorsFile } {
  const folder = join(FIXTURES, name);
  const config = readJson(join(folder, 'config.json'), 'configuration') as Record<string, unknown>;
  const weights = SafetensorsFile.open(join(folder, 'model.safetensors'));
  const tensors = [...weights.tensors].map(([tensor, { shape }]): TestTensor => {
    const values = weights.floats(tensor);
    const shifted = tensor.endsWith('norm.weight') ? values.map((value) => value + 1) : values;
    return f32(convertedName(tensor, config.model_type), shape, shifted);
  });
  const metadata = convertedMetadata(config.model_type, parseGemmaConfig(config));
  return { path: writeGguf(temporary(), { metadata, tensors }), config, weights };
}

describe.each(MODELS)('%s as a GGUF file', (name) => {
  it('means the same configuration', () => {
    const { path, config, weights } = convert(name);
    const ours = parseGemmaConfig(openModel(path).config, path);
    const theirs = parseGemmaConfig(config);
    // llama.cpp derives the scale of the scores from the sizes
    const attentionScale = 1 / Math.sqrt(theirs.head_dim);
    const gelu = 'tanh';
    expect(ours).toEqual({ ...theirs, attentionScale, gelu });
    weights.close();
  });

  it('has the same tensors under the same names', () => {
    const { path, weights } = convert(name);
    const file = openModel(path).openWeights();
    expect([...file.tensors.keys()].sort()).toEqual([...weights.tensors.keys()].sort());
    for (const [tensor, { shape }] of weights.tensors) {
      expect(file.tensors.get(tensor)!.shape).toEqual(shape);
      const expected = weights.floats(tensor);
      // adding one and taking it off again rounds
      if (tensor.endsWith('norm.weight'))
        for (const [i, value] of expected.entries()) expected[i] = Math.fround(value + 1) - 1;
      expect(file.floats(tensor), tensor).toEqual(expected);
    }
    file.close();
    weights.close();
  });
});

type Entries = Record<string, unknown>;

const base = (architecture: string, layers: number, more: Entries = {}): Entries => ({
  'general.architecture': architecture,
  [`${architecture}.context_length`]: 8192,
  [`${architecture}.embedding_length`]: 5376,
  [`${architecture}.block_count`]: layers,
  [`${architecture}.feed_forward_length`]: 21504,
  [`${architecture}.attention.head_count`]: 32,
  [`${architecture}.attention.key_length`]: 128,
  [`${architecture}.attention.layer_norm_rms_epsilon`]: Math.fround(1e-6),
  [`${architecture}.rope.freq_base`]: 1e6,
  ...more,
});
const tensorsOf = (layers: number, more: string[] = []) =>
  new Map(
    ['token_embd.weight', ...Array.from({ length: layers }, (_, i) => `blk.${i}.attn_q.weight`), ...more].map(
      (name) => [name, { shape: [1000, 5376] }],
    ),
  );
const configOf = (entries: Entries, layers = 62, more: string[] = []) =>
  ggufConfig(new GgufMetadata('m.gguf', new Map(Object.entries(entries)) as never), tensorsOf(layers, more));

describe('configuration from metadata', () => {
  it('of Gemma 3 27B: scores by hidden size per head, scaled global rotation', () => {
    const scaling = { 'gemma3.rope.scaling.type': 'linear', 'gemma3.rope.scaling.factor': 8 };
    const config = configOf(base('gemma3', 62, { ...scaling, 'gemma3.attention.sliding_window': 1024 }));
    expect(config).toMatchObject({
      query_pre_attn_scalar: 168,
      rope_scaling: { rope_type: 'linear', factor: 8 },
      rope_local_base_freq: 10_000,
      sliding_window: 1024,
      num_key_value_heads: 32,
      rms_norm_eps: 1e-6,
    });
    expect((config.layer_types as string[]).filter((type) => type === 'full_attention')).toHaveLength(10);
    const { layers } = parseGemmaConfig(config);
    expect(layers[0]).toEqual({ window: 1024, rope: { theta: 10_000, factor: 1 } });
    expect(layers[5]).toEqual({ rope: { theta: 1e6, factor: 8 } });
  });

  it('of Gemma 2: windows, soft caps and pattern that older files leave out', () => {
    const config = configOf(base('gemma2', 46));
    expect(config).toMatchObject({
      query_pre_attn_scalar: 168,
      sliding_window: 4096,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
    });
    expect((config.layer_types as string[]).slice(0, 3)).toEqual([
      'sliding_attention',
      'full_attention',
      'sliding_attention',
    ]);
    expect(configOf(base('gemma2', 26)).query_pre_attn_scalar).toBe(128);
  });

  it('ends texts at the end of text, of turn, and at <end_of_turn>', () => {
    const tokens = { 'tokenizer.ggml.tokens': ['<pad>', '<eos>', '<end_of_turn>', '<stop>'] };
    const ids = { 'tokenizer.ggml.eos_token_id': 1, 'tokenizer.ggml.eot_token_id': 3 };
    expect(configOf(base('gemma', 2, { ...tokens, ...ids })).eos_token_id).toEqual([1, 3, 2]);
    const same = { 'tokenizer.ggml.eos_token_id': 2 };
    expect(configOf(base('gemma', 2, { ...tokens, ...same })).eos_token_id).toEqual([2]);
  });

  it('tells tied embeddings from others', () => {
    expect(configOf(base('gemma', 2)).tie_word_embeddings).toBe(true);
    expect(configOf(base('gemma', 2), 2, ['output.weight']).tie_word_embeddings).toBe(false);
  });

  it.each<[string, Entries, string]>([
    ['another architecture', { 'general.architecture': 'llama' }, 'general.architecture is "llama"'],
    ['an inherited name', { 'general.architecture': 'toString' }, 'general.architecture is "toString"'],
    ['no architecture', { 'general.architecture': undefined }, 'it has no general.architecture'],
    [
      'a size that is text',
      { 'gemma3.embedding_length': '640' },
      'gemma3.embedding_length is no whole number',
    ],
    ['a fraction of a layer', { 'gemma3.block_count': 1.5 }, 'gemma3.block_count is no whole number'],
    [
      'layers without end',
      { 'gemma3.block_count': 2 ** 32 - 1 },
      'block_count is 4294967295, it has 63 tensors',
    ],
    ['a missing size', { 'gemma3.attention.key_length': undefined }, 'it has no gemma3.attention.key_length'],
    ['values of another width', { 'gemma3.attention.value_length': 64 }, 'keys of 128 and values of 64'],
    ['another scaling', { 'gemma3.rope.scaling.type': 'yarn' }, 'gemma3.rope.scaling.type is "yarn"'],
    [
      'an infinite base',
      { 'gemma3.rope.freq_base': Number.POSITIVE_INFINITY },
      'freq_base is no finite number',
    ],
    ['a pattern of 0', { 'gemma3.attention.sliding_window_pattern': 0 }, 'sliding_window_pattern is no'],
    ['a pattern too short', { 'gemma3.attention.sliding_window_pattern': [true] }, 'names 1 layers of 62'],
  ])('refuses %s', (_name, change, what) => {
    const entries = Object.entries({ ...base('gemma3', 62), ...change }).filter(([, v]) => v !== undefined);
    const call = () => configOf(Object.fromEntries(entries));
    expect(call).toThrow(TruecastError);
    expect(call).toThrow(what);
    expect(call).toThrow('m.gguf');
  });
});

describe('a path', () => {
  it('to nothing is a missing file, and to a folder of that name a folder', () => {
    const path = join(temporary(), 'none.gguf');
    expect(() => openModel(path)).toThrow(`weights cannot be opened: ${path}`);
    expect(() => weightsHash(path)).toThrow(`no such file: ${path}`);
    mkdirSync(path);
    expect(() => openModel(path)).toThrow(`model configuration not found: ${join(path, 'config.json')}`);
    expect(() => weightsHash(path)).toThrow(`no model.safetensors in ${path}`);
  });

  it('to a file gives the hash of its bytes', () => {
    const [one, same, other] = [[1], [1], [2]].map((values) =>
      writeGguf(temporary(), { tensors: [f32('w', [1], values)] }, 'model.GGUF'),
    );
    expect(weightsHash(one!)).toBe(createHash('sha256').update(readFileSync(one!)).digest('hex'));
    expect(weightsHash(same!)).toBe(weightsHash(one!));
    expect(weightsHash(other!)).not.toBe(weightsHash(one!));
  });
});

describe('weights', () => {
  const metadata = convertedMetadata('gemma', {
    ...parseGemmaConfig(readJson(join(FIXTURES, 'models/gemma-a/config.json'), 'c') as never),
    num_hidden_layers: 1,
  });
  const embeddings = f32('token_embd.weight', [2, 2], [1, 2, 3, 4]);

  it('of a type that cannot be read are refused before any is', () => {
    const odd = { name: 'blk.0.attn_q.weight', dimensions: [256], type: 11, data: new Uint8Array(110) };
    const model = openModel(writeGguf(temporary(), { metadata, tensors: [embeddings, odd] }));
    expect(() => model.openWeights()).toThrow('tensor blk.0.attn_q.weight in');
    expect(() => model.openWeights()).toThrow('is Q3_K, which cannot be read');
  });

  it('that no Gemma has keep their names', () => {
    const others = [
      'rope_freqs.weight',
      'blk.0.toString.weight',
      'blk.0.attn_qkv.weight',
      'model.norm.weight',
    ];
    const tensors = [embeddings, ...others.map((name) => f32(name, [1], [1]))];
    const weights = openModel(writeGguf(temporary(), { metadata, tensors })).openWeights();
    expect([...weights.tensors.keys()]).toEqual(['model.embed_tokens.weight', ...others]);
    weights.close();
  });

  it('that are named twice over are refused', () => {
    const tensors = [embeddings, f32('output_norm.weight', [1], [1]), f32('model.norm.weight', [1], [1])];
    const model = openModel(writeGguf(temporary(), { metadata, tensors }));
    expect(() => model.openWeights()).toThrow('are both model.norm.weight');
  });
});
