import { z } from 'zod';
import { activationSchema, encoderFields, parseModelConfig, rateSchema, sizeSchema } from '../config.js';

const positionAttention = z.enum(['c2p', 'p2c'], 'only c2p and p2c are known');

/** transformers' DebertaV2Config; what its model cannot run, or would run in another way, is refused. */
const schema = z
  .object({
    ...encoderFields,
    layer_norm_eps: z.number().positive().default(1e-7),
    relative_attention: z.boolean().default(false),
    max_relative_positions: z.int().default(-1),
    position_buckets: z.int().default(-1),
    pos_att_type: z
      .union([z.string().transform(parts), z.array(z.string()), z.null()])
      .default(null)
      .transform((value) => value ?? [])
      .pipe(z.array(positionAttention)),
    position_biased_input: z.boolean().default(true),
    share_att_key: z.boolean().default(false),
    norm_rel_ebd: z
      .string()
      .default('none')
      .transform(parts)
      .pipe(z.array(z.enum(['none', 'layer_norm'], 'layer_norm and none are known'))),
    embedding_size: sizeSchema.optional(),
    attention_head_size: sizeSchema.optional(),
    conv_kernel_size: z.int().min(0).default(0),
    conv_groups: sizeSchema.default(1),
    conv_act: activationSchema.default('tanh'),
    pooler_hidden_size: sizeSchema.optional(),
    pooler_hidden_act: activationSchema.default('gelu'),
    pooler_dropout: rateSchema.default(0),
    cls_dropout: rateSchema.nullish(),
  })
  .refine((c) => c.hidden_size % c.num_attention_heads === 0, {
    path: ['hidden_size'],
    message: 'must be a multiple of num_attention_heads',
  })
  .refine((c) => (c.attention_head_size ?? headSize(c)) === headSize(c), {
    path: ['attention_head_size'],
    message: 'must be hidden_size / num_attention_heads',
  })
  .refine((c) => (c.pooler_hidden_size ?? c.hidden_size) === c.hidden_size, {
    path: ['pooler_hidden_size'],
    message: 'must be hidden_size',
  })
  .refine((c) => c.conv_kernel_size === 0 || c.conv_kernel_size % 2 === 1, {
    path: ['conv_kernel_size'],
    message: 'must be odd, so that a position comes out for each that goes in',
  })
  .refine((c) => c.hidden_size % c.conv_groups === 0, {
    path: ['conv_groups'],
    message: 'must divide hidden_size',
  })
  .refine((c) => c.position_buckets < 1 || bucketsFit(c), {
    path: ['position_buckets'],
    message: 'must be at least 2, and half of it less than the largest distance',
  });

export type DebertaConfig = z.infer<typeof schema>;

export function parseDebertaConfig(raw: unknown, where = 'config.json'): DebertaConfig {
  return parseModelConfig(schema, raw, where);
}

/** The parts of "c2p|p2c". */
function parts(text: string): string[] {
  return text
    .toLowerCase()
    .split('|')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function headSize(c: { hidden_size: number; num_attention_heads: number }): number {
  return c.hidden_size / c.num_attention_heads;
}

interface Distances {
  position_buckets: number;
  max_relative_positions: number;
  max_position_embeddings: number;
}

/** Whether the logarithmic buckets are defined and grow: they divide by log((distances − 1) / ⌊buckets / 2⌋). */
function bucketsFit(c: Distances): boolean {
  return c.position_buckets > 1 && maxRelativePositions(c) - 1 > Math.floor(c.position_buckets / 2);
}

/** The largest distance that relative positions tell apart. */
export function maxRelativePositions(config: Omit<Distances, 'position_buckets'>): number {
  return config.max_relative_positions < 1 ? config.max_position_embeddings : config.max_relative_positions;
}

/** Half the number of relative embeddings: distances −span … span − 1. */
export function relativeSpan(config: DebertaConfig): number {
  return config.position_buckets > 0 ? config.position_buckets : maxRelativePositions(config);
}
