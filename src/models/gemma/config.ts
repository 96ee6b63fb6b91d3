import { z } from 'zod';
import { activationSchema, parseModelConfig, rateSchema, sizeSchema } from '../config.js';

/** transformers' GemmaConfig (Gemma 1 and 1.1), as version 4 (`rope_theta`) and 5 (`rope_parameters`) write it. */
const schema = z
  .object({
    vocab_size: sizeSchema,
    hidden_size: sizeSchema,
    intermediate_size: sizeSchema,
    num_hidden_layers: sizeSchema,
    num_attention_heads: sizeSchema,
    num_key_value_heads: sizeSchema,
    head_dim: sizeSchema.default(256),
    // Gemma's first configurations say hidden_act "gelu" and mean the tanh approximation.
    hidden_act: z.string().nullish(),
    hidden_activation: activationSchema.nullish(),
    max_position_embeddings: sizeSchema.default(8192),
    rms_norm_eps: z.number().positive().default(1e-6),
    rope_theta: z.number().positive().optional(),
    rope_parameters: z
      .object({
        rope_type: z.literal('default', 'only the default rotary embedding is supported').default('default'),
        rope_theta: z.number().positive().default(10000),
      })
      .nullish(),
    rope_scaling: z.null('scaled rotary embeddings are not supported').optional(),
    attention_bias: z.literal(false, 'attention biases are not supported').default(false),
    attention_dropout: rateSchema.default(0),
    tie_word_embeddings: z.literal(true, 'Gemma ties its embeddings').default(true),
    pad_token_id: z.int().nullish(),
    bos_token_id: z.int().nullish(),
    eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
  })
  .refine((c) => c.num_attention_heads % c.num_key_value_heads === 0, {
    path: ['num_key_value_heads'],
    message: 'must divide num_attention_heads',
  })
  .refine((c) => c.head_dim % 2 === 0, { path: ['head_dim'], message: 'must be even' });

export type GemmaConfig = z.infer<typeof schema>;

export function parseGemmaConfig(raw: unknown, where = 'config.json'): GemmaConfig {
  return parseModelConfig(schema, raw, where);
}

export function ropeTheta(config: GemmaConfig): number {
  return config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000;
}

/** The tokens that end a text. */
export function endTokens(config: GemmaConfig): number[] {
  const { eos_token_id: eos } = config;
  return eos === null || eos === undefined ? [] : [eos].flat();
}
