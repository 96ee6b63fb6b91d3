import { describe, expect, it } from 'vitest';
import { parseGemmaConfig, textConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { TruecastError } from '../../src/support/errors.js';

type Raw = Record<string, unknown>;

function refusal(raw: Raw): string {
  try {
    parseGemmaConfig(raw, 'x/config.json');
  } catch (error) {
    expect(error).toBeInstanceOf(TruecastError);
    return (error as TruecastError).message;
  }
  throw new Error('expected a refusal');
}

/** Each layer as its window, or * where it sees all, and its rotation's base, and factor where it has one. */
function layersOf(raw: Raw): string {
  const { layers } = parseGemmaConfig(raw);
  return layers
    .map(({ window, rope }) => `${window ?? '*'}:${rope.theta}${rope.factor === 1 ? '' : `/${rope.factor}`}`)
    .join(' ');
}

const parameters = (raw: Raw) =>
  [...new GemmaForCausalLM(parseGemmaConfig(raw)).expectedTensors().values()].reduce(
    (sum, shape) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  );

describe('Gemma configurations: what absent keys mean', () => {
  it('Gemma 1', () => {
    const config = parseGemmaConfig({ model_type: 'gemma' });
    expect(config).toMatchObject({
      vocab_size: 256000,
      hidden_size: 3072,
      intermediate_size: 24576,
      num_attention_heads: 16,
      num_key_value_heads: 16,
      head_dim: 256,
      attentionScale: 1 / 16,
      gelu: 'tanh',
      queryKeyNorms: false,
      endTokens: [1],
    });
    expect(config.norms).toEqual({
      beforeAttention: 'input_layernorm',
      beforeMlp: 'post_attention_layernorm',
    });
    expect(layersOf({ model_type: 'gemma', num_hidden_layers: 2 })).toBe('*:10000 *:10000');
  });

  it('Gemma 2 alternates windows and caps scores and logits', () => {
    const raw = { model_type: 'gemma2', num_hidden_layers: 3, query_pre_attn_scalar: 144 };
    expect(layersOf(raw)).toBe('4096:10000 *:10000 4096:10000');
    expect(parseGemmaConfig(raw)).toMatchObject({
      attentionScale: 1 / 12,
      attentionCap: 50,
      finalCap: 30,
      max_position_embeddings: 8192,
    });
    const uncapped = { ...raw, attn_logit_softcapping: null, final_logit_softcapping: null };
    expect(parseGemmaConfig(uncapped)).toMatchObject({ attentionCap: undefined, finalCap: undefined });
  });

  it('Gemma 3 has five windowed layers, then one that sees all, and two rotations', () => {
    const raw = { model_type: 'gemma3_text', num_hidden_layers: 8, sliding_window: 512 };
    const local = '512:10000';
    expect(layersOf(raw)).toBe([...Array(5).fill(local), '*:1000000', local, local].join(' '));
    expect(layersOf({ ...raw, num_hidden_layers: 4, sliding_window_pattern: 2 })).toBe(
      `${local} *:1000000 ${local} *:1000000`,
    );
    expect(parseGemmaConfig(raw)).toMatchObject({
      vocab_size: 262208,
      max_position_embeddings: 131072,
      queryKeyNorms: true,
    });
    expect(parseGemmaConfig(raw).attentionCap ?? parseGemmaConfig(raw).finalCap).toBeUndefined();
  });

  it('the sizes of published models', () => {
    const gemma270m = {
      model_type: 'gemma3_text',
      vocab_size: 262144,
      hidden_size: 640,
      intermediate_size: 2048,
      num_hidden_layers: 18,
      num_attention_heads: 4,
      num_key_value_heads: 1,
      head_dim: 256,
    };
    expect(parameters(gemma270m)).toBe(268_098_176);
    expect(parameters({ model_type: 'gemma2' })).toBe(2_614_341_888);
    const gemma4b = {
      model_type: 'gemma3',
      text_config: { hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34 },
    };
    expect(parameters(gemma4b)).toBe(3_880_263_168);
  });
});

describe('Gemma configurations: one model, spelt by older and newer transformers', () => {
  const gemma3 = { model_type: 'gemma3_text', num_hidden_layers: 2, sliding_window: 8, head_dim: 4 };
  const layer_types = ['full_attention', 'sliding_attention'];

  it('Gemma 3: rope_theta, rope_local_base_freq and rope_scaling; or rope_parameters per layer type', () => {
    const older = {
      ...gemma3,
      layer_types,
      rope_theta: 500,
      rope_local_base_freq: 20,
      rope_scaling: { type: 'linear', factor: 8 },
    };
    const newer = {
      ...gemma3,
      layer_types,
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 500 },
        sliding_attention: { rope_type: 'default', rope_theta: 20 },
      },
    };
    expect(layersOf(older)).toBe('*:500/8 8:20');
    expect(layersOf(newer)).toBe('*:500/8 8:20');
    expect(layersOf({ ...newer, rope_parameters: { full_attention: null } })).toBe('*:1000000 8:10000');
  });

  it('Gemma 1 and 2: rope_theta, rope_parameters and rope_scaling', () => {
    for (const model_type of ['gemma', 'gemma2']) {
      const raw = { model_type, num_hidden_layers: 2, layer_types: ['full_attention', 'full_attention'] };
      expect(layersOf({ ...raw, rope_theta: 7 })).toBe('*:7 *:7');
      expect(layersOf({ ...raw, rope_parameters: { rope_theta: 7, rope_type: 'default' } })).toBe('*:7 *:7');
      expect(layersOf({ ...raw, rope_theta: 7, rope_scaling: { type: 'linear', factor: 2 } })).toBe(
        '*:7/2 *:7/2',
      );
    }
  });

  it('hidden_act "gelu" of the first configurations is the approximation, hidden_activation is what it says', () => {
    expect(parseGemmaConfig({ model_type: 'gemma', hidden_act: 'gelu' }).gelu).toBe('tanh');
    for (const model_type of ['gemma', 'gemma2', 'gemma3_text'])
      expect(parseGemmaConfig({ model_type, hidden_activation: 'gelu' }).gelu).toBe('none');
  });

  it('the text model of a multimodal Gemma 3, and its configuration alone', () => {
    const raw = {
      model_type: 'gemma3',
      architectures: ['Gemma3ForConditionalGeneration'],
      eos_token_id: [1, 106],
      text_config: { model_type: 'gemma3_text', hidden_size: 16, head_dim: 4, eos_token_id: 1 },
      vision_config: { hidden_size: 8 },
    };
    expect(parseGemmaConfig(raw)).toMatchObject({
      hidden_size: 16,
      queryKeyNorms: true,
      endTokens: [1, 106],
    });
    expect(textConfig(raw)).toEqual({
      model_type: 'gemma3_text',
      architectures: ['Gemma3ForCausalLM'],
      hidden_size: 16,
      head_dim: 4,
      eos_token_id: [1, 106],
    });
    expect(parseGemmaConfig(textConfig(raw))).toEqual(parseGemmaConfig(raw));
  });
});

describe('Gemma configurations: what is refused', () => {
  const gemma3 = { model_type: 'gemma3_text', num_hidden_layers: 2 };

  it.each<[string, Raw, string]>([
    [
      'an unknown rotation',
      { rope_parameters: { full_attention: { rope_type: 'yarn', factor: 2 } } },
      'rope_parameters.full_attention.rope_type: only the rotary embeddings "default" and "linear" are',
    ],
    [
      'a rotation that is not per layer type',
      { rope_parameters: { rope_theta: 5 } },
      'rope_parameters: Unrecognized key',
    ],
    [
      'linear without its factor',
      { rope_scaling: { rope_type: 'linear' } },
      'rope_scaling.factor: goes with',
    ],
    ['a factor without linear', { rope_scaling: { factor: 3 } }, 'rope_scaling.factor: goes with'],
    ['a factor of nothing', { rope_scaling: { rope_type: 'linear', factor: 0 } }, 'rope_scaling.factor'],
    ['too few layer types', { layer_types: ['full_attention'] }, 'layer_types: must have as many entries'],
    ['an unknown layer type', { layer_types: ['full_attention', 'chunked_attention'] }, 'layer_types.1'],
    ['attention to what follows', { use_bidirectional_attention: true }, 'only causal attention'],
    ['attention biases', { attention_bias: true }, 'attention biases are not supported'],
    ['dropout of attention', { attention_dropout: 0.1 }, 'dropout of attention is not supported'],
    ['a head of its own', { tie_word_embeddings: false }, 'Gemma ties its embeddings'],
    ['capped scores', { attn_logit_softcapping: 50 }, 'Gemma 3 does not cap its attention scores'],
    ['a cap of nothing', { final_logit_softcapping: 0 }, 'final_logit_softcapping'],
    ['a window of nothing', { sliding_window: 0 }, 'sliding_window'],
    ['windows without a size', { sliding_window: null }, 'sliding_window is null'],
    ['another activation', { hidden_activation: 'silu' }, 'hidden_activation'],
    ['a pattern of nothing', { sliding_window_pattern: 0 }, 'sliding_window_pattern'],
  ])('%s', (_what, changes, expected) => {
    const message = refusal({ ...gemma3, ...changes });
    expect(message).toContain('x/config.json');
    expect(message).toContain(expected);
  });

  it('a window that no layer has may be absent', () => {
    const layer_types = ['full_attention', 'full_attention'];
    expect(layersOf({ ...gemma3, sliding_window: null, layer_types })).toBe('*:1000000 *:1000000');
  });

  it('another model, and a multimodal one without its text model', () => {
    expect(refusal({ model_type: 'gemma3n' })).toContain('"gemma3n" is no decoder that truecast knows');
    expect(refusal({})).toContain('undefined is no decoder');
    for (const text_config of [undefined, null, [], 'x'])
      expect(refusal({ model_type: 'gemma3', text_config })).toContain('no text_config');
    expect(refusal({ model_type: 'gemma3', text_config: { hidden_size: -1 } })).toContain(
      'x/config.json (text_config) cannot be used:\n  hidden_size',
    );
    expect(refusal({ model_type: 'gemma3', text_config: { final_logit_softcapping: 30 } })).toContain(
      'does not cap its logits',
    );
  });
});
