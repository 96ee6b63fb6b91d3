import { type GgufMetadata, real, text, texts, truths, whole } from './metadata.js';

/** general.architecture of the models that can be used, with transformers' names of theirs. */
const MODEL_TYPES = {
  gemma: ['gemma', 'GemmaForCausalLM'],
  gemma2: ['gemma2', 'Gemma2ForCausalLM'],
  gemma3: ['gemma3_text', 'Gemma3ForCausalLM'],
} as const;

export type Architecture = keyof typeof MODEL_TYPES;

/** @throws TruecastError where the file holds another model */
export function architectureOf(metadata: GgufMetadata): Architecture {
  const name = metadata.required('general.architecture', text);
  if (Object.hasOwn(MODEL_TYPES, name)) return name as Architecture;
  throw metadata.wrong(`general.architecture is ${JSON.stringify(name)}`, 'use a Gemma 1, 1.1, 2 or 3 model');
}

/**
 * A GGUF file's metadata as transformers' config.json. Keys and defaults are llama.cpp's (llama-model.cpp): what
 * its converter leaves out has one value for all models of the architecture, or follows from the sizes.
 *
 * @param tensors shapes by the file's names, which tell the vocabulary's size and whether embeddings are tied
 */
export function ggufConfig(
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): Record<string, unknown> {
  const architecture = architectureOf(metadata);
  const [modelType, className] = MODEL_TYPES[architecture];
  const size = (key: string) => metadata.required(`${architecture}.${key}`, whole);
  const layers = size('block_count');
  if (layers > tensors.size)
    throw metadata.wrong(`${architecture}.block_count is ${layers}, it has ${tensors.size} tensors`);
  const heads = size('attention.head_count');
  const hidden = size('embedding_length');
  const headDim = size('attention.key_length');
  const valueDim = metadata.optional(`${architecture}.attention.value_length`, whole) ?? headDim;
  if (valueDim !== headDim)
    throw metadata.wrong(`keys of ${headDim} and values of ${valueDim} dimensions are not supported`);
  const embeddings = tensors.get('token_embd.weight');
  if (!embeddings) throw metadata.wrong('it has no tensor token_embd.weight');
  const shape = { layers, hidden, heads, headDim };
  return {
    model_type: modelType,
    architectures: [className],
    vocab_size: embeddings.shape[0],
    hidden_size: hidden,
    intermediate_size: size('feed_forward_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: metadata.optional(`${architecture}.attention.head_count_kv`, whole) ?? heads,
    head_dim: headDim,
    hidden_activation: 'gelu_pytorch_tanh',
    max_position_embeddings: size('context_length'),
    rms_norm_eps: decimal(metadata.required(`${architecture}.attention.layer_norm_rms_epsilon`, real)),
    tie_word_embeddings: !tensors.has('output.weight'),
    ...(architecture === 'gemma' ? {} : attentionConfig(metadata, architecture, shape)),
    ...ropeConfig(metadata, architecture),
    ...tokenConfig(metadata),
  };
}

interface Shape {
  layers: number;
  hidden: number;
  heads: number;
  headDim: number;
}

/** The architecture's sliding window where the file names none, and every how many layers one sees all. */
const SLIDING = { gemma2: { window: 4096, pattern: 2 }, gemma3: { window: undefined, pattern: 6 } } as const;
/** Layers of the one model of the architecture whose scores are scaled by its hidden size per head: the 27B. */
const LARGEST = { gemma2: 46, gemma3: 62 } as const;

function attentionConfig(metadata: GgufMetadata, architecture: 'gemma2' | 'gemma3', shape: Shape) {
  const { layers, hidden, heads, headDim } = shape;
  const cap = (key: string) => metadata.optional(`${architecture}.${key}`, real);
  const window = metadata.optional(`${architecture}.attention.sliding_window`, whole);
  return {
    query_pre_attn_scalar: layers === LARGEST[architecture] ? hidden / heads : headDim,
    sliding_window: window ?? SLIDING[architecture].window ?? null,
    layer_types: layerTypes(metadata, architecture, layers),
    attn_logit_softcapping: cap('attn_logit_softcapping') ?? (architecture === 'gemma2' ? 50 : null),
    final_logit_softcapping: cap('final_logit_softcapping') ?? (architecture === 'gemma2' ? 30 : null),
  };
}

function layerTypes(metadata: GgufMetadata, architecture: 'gemma2' | 'gemma3', layers: number): string[] {
  const key = `${architecture}.attention.sliding_window_pattern`;
  // a list says of each layer whether it slides, a number every how many layers one does not
  const given = metadata.optional(key, { name: 'number or list of truth values', is: isPattern });
  const pattern = given ?? SLIDING[architecture].pattern;
  if (typeof pattern !== 'number' && pattern.length !== layers)
    throw metadata.wrong(`${key} names ${pattern.length} layers of ${layers}`);
  return Array.from({ length: layers }, (_, i) => {
    const sliding = typeof pattern === 'number' ? (i + 1) % pattern !== 0 : pattern[i];
    return sliding ? 'sliding_attention' : 'full_attention';
  });
}

const isPattern = (value: unknown): value is number | readonly boolean[] =>
  truths.is(value) || (whole.is(value) && value > 0);

function ropeConfig(metadata: GgufMetadata, architecture: Architecture) {
  const number = (name: string) => metadata.optional(`${architecture}.rope.${name}`, real);
  const type = metadata.optional(`${architecture}.rope.scaling.type`, text) ?? 'linear';
  if (type !== 'none' && type !== 'linear') {
    throw metadata.wrong(
      `${architecture}.rope.scaling.type is ${JSON.stringify(type)}`,
      'use a model whose rotary embeddings are scaled linearly, or not at all',
    );
  }
  const factor = type === 'linear' ? number('scaling.factor') || 1 : 1;
  const scaling = factor === 1 ? {} : { rope_scaling: { rope_type: 'linear', factor } };
  if (architecture !== 'gemma3') return { rope_theta: number('freq_base') ?? 10_000, ...scaling };
  return {
    rope_theta: metadata.required('gemma3.rope.freq_base', real),
    rope_local_base_freq: number('freq_base_swa') ?? 10_000,
    ...scaling,
  };
}

function tokenConfig(metadata: GgufMetadata) {
  const id = (name: string) => metadata.optional(`tokenizer.ggml.${name}_token_id`, whole);
  // llama.cpp ends a text at each of these
  const turn = metadata.optional('tokenizer.ggml.tokens', texts)?.indexOf('<end_of_turn>') ?? -1;
  const ends = [id('eos'), id('eot'), turn < 0 ? undefined : turn].filter((end) => end !== undefined);
  return {
    bos_token_id: id('bos') ?? null,
    eos_token_id: [...new Set(ends)],
    pad_token_id: id('padding') ?? null,
  };
}

/** A float32 as the short decimal number that it was made from: 9.999999974752427e-7 is 1e-6. */
function decimal(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === value ? short : value;
}
