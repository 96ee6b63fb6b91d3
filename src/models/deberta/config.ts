import { z } from 'zod';
import { activationSchema, encoderFields, parseModelConfig, rateSchema, sizeSchema } from '../config.js';

const positionAttention = z.enum(['c2p', 'p2c']);

/** transformers' DebertaV2Config. */
const schema = z
  .object({
    ...encoderFields,
    layer_norm_eps: z.number().positive().default(1e-7),
    relative_attention: z.boolean().default(false),
    max_relative_positions: z.int().default(-1),
    position_buckets: z.int().default(-1),
    pos_att_type: z
      .union([z.string().transform((text) => text.toLowerCase().split('|')), z.array(z.string()), z.null()])
      .default(null)
      .transform((value) => (value ?? []).map((part) => part.trim()).filter((part) => part !== ''))
      .pipe(z.array(positionAttention)),
    position_biased_input: z.boolean().default(true),
    share_att_key: z.boolean().default(false),
    norm_rel_ebd: z.enum(['none', 'layer_norm']).default('none'),
    embedding_size: sizeSchema.optional(),
    attention_head_size: sizeSchema.optional(),
    conv_kernel_size: z.int().min(0).default(0),
    conv_groups: z.literal(1, 'grouped convolutions are not supported').default(1),
    conv_act: activationSchema.default('tanh'),
    pooler_hidden_size: sizeSchema.optional(),
    pooler_hidden_act: activationSchema.default('gelu'),
    pooler_dropout: rateSchema.default(0),
    cls_dropout: rateSchema.nullish(),
  })
  .refine((c) => c.hidden_size % c.num_attention_heads === 0, {
    path: ['hidden_size'],
    message: 'must be a multiple of num_attention_heads',
  });

export type DebertaConfig = z.infer<typeof schema>;

export function parseDebertaConfig(raw: unknown, where = 'config.json'): DebertaConfig {
  return parseModelConfig(schema, raw, where);
}

/** The largest distance that relative positions tell apart. */
export function maxRelativePositions(config: DebertaConfig): number {
  return config.max_relative_positions < 1 ? config.max_position_embeddings : config.max_relative_positions;
}

/** Half the number of relative embeddings: distances −span … span − 1. */
export function relativeSpan(config: DebertaConfig): number {
  return config.position_buckets > 0 ? config.position_buckets : maxRelativePositions(config);
}
