import { z } from 'zod';
import { sizeSchema } from '../config.js';

const ropeType = z.enum(
  ['default', 'linear'],
  'only the rotary embeddings "default" and "linear" are supported',
);
const positive = z.number().positive();

/** One rotary embedding; older configurations say `type`. */
const rope = z
  .strictObject({
    rope_type: ropeType.optional(),
    type: ropeType.optional(),
    rope_theta: positive.optional(),
    factor: positive.optional(),
  })
  .refine(({ rope_type, type, factor }) => ((rope_type ?? type) === 'linear') === (factor !== undefined), {
    path: ['factor'],
    message: 'goes with rope_type "linear", and that with it',
  });

const common = z.object({
  vocab_size: sizeSchema,
  hidden_size: sizeSchema,
  intermediate_size: sizeSchema,
  num_hidden_layers: sizeSchema,
  num_attention_heads: sizeSchema,
  num_key_value_heads: sizeSchema,
  head_dim: sizeSchema,
  max_position_embeddings: sizeSchema,
  rms_norm_eps: positive.default(1e-6),
  hidden_activation: z.enum(['gelu', 'gelu_pytorch_tanh', 'gelu_new']).nullish(),
  rope_theta: positive.optional(),
  rope_scaling: rope.nullish(),
  attention_bias: z.literal(false, 'attention biases are not supported').default(false),
  attention_dropout: z.literal(0, 'dropout of attention is not supported').nullish(),
  use_bidirectional_attention: z.literal(false, 'only causal attention is supported').nullish(),
  tie_word_embeddings: z.literal(true, 'Gemma ties its embeddings').nullish(),
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullable(),
});

const gemma = common.extend({
  // The first configurations say "gelu" here and mean the tanh approximation; transformers takes them so.
  hidden_act: z.enum(['gelu', 'gelu_pytorch_tanh', 'gelu_new']).nullish(),
  rope_parameters: rope.nullish(),
});

const cap = positive.nullable();
const windowed = common.extend({
  query_pre_attn_scalar: positive,
  sliding_window: sizeSchema.nullable(),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).nullish(),
});

const gemma2 = windowed.extend({
  attn_logit_softcapping: cap,
  final_logit_softcapping: cap,
  rope_parameters: rope.nullish(),
});

const gemma3 = windowed.extend({
  attn_logit_softcapping: z.null('Gemma 3 does not cap its attention scores').optional(),
  final_logit_softcapping: cap,
  sliding_window_pattern: sizeSchema,
  rope_local_base_freq: positive.optional(),
  rope_parameters: z
    .strictObject({ full_attention: rope.nullish(), sliding_attention: rope.nullish() })
    .nullish(),
});

/** The multimodal model's text_config: transformers gives its logits no cap, whatever the key says. */
const gemma3Nested = gemma3.extend({
  final_logit_softcapping: z.null('the multimodal Gemma 3 does not cap its logits').default(null),
});

type Attending = z.infer<typeof common> & { layer_types?: string[] | null };

function checked<T extends z.ZodType<Attending>>(schema: T) {
  return schema
    .refine((c) => c.num_attention_heads % c.num_key_value_heads === 0, {
      path: ['num_key_value_heads'],
      message: 'must divide num_attention_heads',
    })
    .refine((c) => c.head_dim % 2 === 0, { path: ['head_dim'], message: 'must be even' })
    .refine((c) => !c.layer_types || c.layer_types.length === c.num_hidden_layers, {
      path: ['layer_types'],
      message: 'must have as many entries as num_hidden_layers',
    });
}

/** config.json, or its text_config, by model_type. */
export const SCHEMAS = {
  gemma: checked(gemma),
  gemma2: checked(gemma2),
  gemma3_text: checked(gemma3),
  gemma3: checked(gemma3Nested),
};

export type CommonConfig = z.infer<typeof common>;
export type WindowedConfig = z.infer<typeof windowed>;
export type Rope = z.infer<typeof rope>;

const SHARED = { head_dim: 256, eos_token_id: 1 };
const NEWER = {
  ...SHARED,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  query_pre_attn_scalar: 256,
  sliding_window: 4096,
};
const GEMMA3 = {
  ...NEWER,
  vocab_size: 262_208,
  max_position_embeddings: 131_072,
  final_logit_softcapping: null,
  sliding_window_pattern: 6,
};

/** What absent keys mean to transformers: published configurations leave out what is as it is here. */
export const DEFAULTS = {
  gemma: {
    ...SHARED,
    vocab_size: 256_000,
    hidden_size: 3072,
    intermediate_size: 24_576,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    max_position_embeddings: 8192,
  },
  gemma2: {
    ...NEWER,
    vocab_size: 256_000,
    max_position_embeddings: 8192,
    attn_logit_softcapping: 50,
    final_logit_softcapping: 30,
  },
  gemma3_text: GEMMA3,
  gemma3: GEMMA3,
};
