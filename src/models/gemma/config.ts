import { TruecastError } from '../../support/errors.js';
import { parseModelConfig } from '../config.js';
import { type CommonConfig, DEFAULTS, type Rope, SCHEMAS, type WindowedConfig } from './configSchema.js';

/** The rotary embedding of some layers: its angles are position / factor · theta^(−2i/d). */
export interface RopeConfig {
  theta: number;
  factor: number;
}

/** How some layers attend. */
export interface LayerAttention {
  /** Keys that a query sees, its own included; absent: all before it. */
  window?: number;
  rope: RopeConfig;
}

/** A layer's norms by name: before attention and MLP, and after them where the generation has such. */
export interface LayerNorms {
  beforeAttention: string;
  afterAttention?: string;
  beforeMlp: string;
  afterMlp?: string;
}

type Size =
  | 'vocab_size'
  | 'hidden_size'
  | 'intermediate_size'
  | 'num_hidden_layers'
  | 'num_attention_heads'
  | 'num_key_value_heads'
  | 'head_dim'
  | 'max_position_embeddings'
  | 'rms_norm_eps';

/** A Gemma of any generation: sizes under their names in config.json, and what sets the generations apart. */
export interface GemmaConfig extends Pick<CommonConfig, Size> {
  gelu: 'none' | 'tanh';
  norms: LayerNorms;
  /** RMSNorm of each query and key. */
  queryKeyNorms: boolean;
  /** Of the products q·k. */
  attentionScale: number;
  /** Soft cap c of the attention scores: c · tanh(score / c). */
  attentionCap?: number;
  /** Soft cap of the logits. */
  finalCap?: number;
  /** One entry per layer; layers that attend alike share an object. */
  layers: readonly LayerAttention[];
  /** The tokens that end a text. */
  endTokens: readonly number[];
}

type Raw = Readonly<Record<string, unknown>>;

/**
 * Reads the config.json of a Gemma 1, 2 or 3 as older and newer transformers write it; of a multimodal
 * Gemma 3 the text model's. Absent keys mean what they mean to transformers.
 *
 * @throws TruecastError that lists every key that is wrong or asks for what is not supported
 */
export function parseGemmaConfig(raw: Raw, where = 'config.json'): GemmaConfig {
  switch (raw.model_type) {
    case 'gemma':
      return gemma1(raw, where);
    case 'gemma2':
      return gemma2(raw, where);
    case 'gemma3_text':
      return gemma3('gemma3_text', raw, where);
    case 'gemma3':
      return gemma3('gemma3', textConfig(raw, where), `${where} (text_config)`);
    default:
      throw new TruecastError(
        `${where}: model_type ${JSON.stringify(raw.model_type)} is no decoder that truecast knows`,
        'use a Gemma 1, 1.1, 2 or 3 model',
      );
  }
}

/** Whether the files hold a vision model beside the text model. */
export function isMultimodal(raw: Raw): boolean {
  return raw.model_type === 'gemma3';
}

/** The config.json of a multimodal Gemma 3's text model alone, as a `gemma3_text`; any other as it is. */
export function textConfig(raw: Raw, where = 'config.json'): Record<string, unknown> {
  if (!isMultimodal(raw)) return { ...raw };
  const text = raw.text_config;
  if (typeof text !== 'object' || text === null || Array.isArray(text)) {
    throw new TruecastError(
      `${where}: no text_config, which describes the text model of a multimodal Gemma 3`,
      'use the config.json that belongs to the weights',
    );
  }
  const shared = ['eos_token_id', 'tie_word_embeddings', 'dtype', 'torch_dtype', 'transformers_version'];
  const outer = Object.fromEntries(shared.filter((key) => raw[key] != null).map((key) => [key, raw[key]]));
  return { ...text, ...outer, model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'] };
}

const PLAIN_NORMS: LayerNorms = {
  beforeAttention: 'input_layernorm',
  beforeMlp: 'post_attention_layernorm',
};
const SANDWICH_NORMS: LayerNorms = {
  beforeAttention: 'input_layernorm',
  afterAttention: 'post_attention_layernorm',
  beforeMlp: 'pre_feedforward_layernorm',
  afterMlp: 'post_feedforward_layernorm',
};

function gemma1(raw: Raw, where: string): GemmaConfig {
  const c = parseModelConfig(SCHEMAS.gemma, { ...DEFAULTS.gemma, ...raw }, where);
  const full: LayerAttention = { rope: ropeOf(c.rope_scaling ?? c.rope_parameters, c.rope_theta ?? 10_000) };
  return {
    ...commonPart(c),
    norms: PLAIN_NORMS,
    queryKeyNorms: false,
    attentionScale: 1 / Math.sqrt(c.head_dim),
    layers: Array.from({ length: c.num_hidden_layers }, () => full),
  };
}

function gemma2(raw: Raw, where: string): GemmaConfig {
  const c = parseModelConfig(SCHEMAS.gemma2, { ...DEFAULTS.gemma2, ...raw }, where);
  const rope = ropeOf(c.rope_scaling ?? c.rope_parameters, c.rope_theta ?? 10_000);
  return {
    ...commonPart(c),
    norms: SANDWICH_NORMS,
    queryKeyNorms: false,
    attentionScale: 1 / Math.sqrt(c.query_pre_attn_scalar),
    attentionCap: c.attn_logit_softcapping ?? undefined,
    finalCap: c.final_logit_softcapping ?? undefined,
    layers: layersOf(c, 2, rope, rope, where),
  };
}

function gemma3(family: 'gemma3' | 'gemma3_text', raw: Raw, where: string): GemmaConfig {
  const c = parseModelConfig(SCHEMAS[family], { ...DEFAULTS[family], ...raw }, where);
  const { full_attention: full, sliding_attention: sliding } = c.rope_parameters ?? {};
  // the older spelling's scaling is the global layers'
  const global = ropeOf({ ...full, ...c.rope_scaling }, c.rope_theta ?? 1_000_000);
  const local = ropeOf(sliding, c.rope_local_base_freq ?? 10_000);
  return {
    ...commonPart(c),
    norms: SANDWICH_NORMS,
    queryKeyNorms: true,
    attentionScale: 1 / Math.sqrt(c.query_pre_attn_scalar),
    finalCap: c.final_logit_softcapping ?? undefined,
    layers: layersOf(c, c.sliding_window_pattern, global, local, where),
  };
}

function commonPart(c: CommonConfig) {
  return {
    vocab_size: c.vocab_size,
    hidden_size: c.hidden_size,
    intermediate_size: c.intermediate_size,
    num_hidden_layers: c.num_hidden_layers,
    num_attention_heads: c.num_attention_heads,
    num_key_value_heads: c.num_key_value_heads,
    head_dim: c.head_dim,
    max_position_embeddings: c.max_position_embeddings,
    rms_norm_eps: c.rms_norm_eps,
    gelu: c.hidden_activation === 'gelu' ? ('none' as const) : ('tanh' as const),
    endTokens: c.eos_token_id === null ? [] : [c.eos_token_id].flat(),
  };
}

function ropeOf(given: Rope | null | undefined, theta: number): RopeConfig {
  return { theta: given?.rope_theta ?? theta, factor: given?.factor ?? 1 };
}

/** Each layer's attention, as layer_types names it; else every `pattern`-th layer sees all. */
function layersOf(
  c: WindowedConfig,
  pattern: number,
  global: RopeConfig,
  local: RopeConfig,
  where: string,
): LayerAttention[] {
  const full: LayerAttention = { rope: global };
  const sliding: LayerAttention = { rope: local, window: c.sliding_window ?? undefined };
  const layers = Array.from({ length: c.num_hidden_layers }, (_, i) => {
    const type = c.layer_types?.[i] ?? ((i + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention');
    return type === 'full_attention' ? full : sliding;
  });
  if (c.sliding_window === null && layers.includes(sliding)) {
    throw new TruecastError(
      `${where}: sliding_window is null, and layers slide`,
      'use the config.json that belongs to the weights',
    );
  }
  return layers;
}
