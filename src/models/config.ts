import { join } from 'node:path';
import { z } from 'zod';
import { TruecastError } from '../support/errors.js';
import { readJson } from '../support/files.js';
import { ACTIVATION_NAMES } from './activations.js';

/** A model folder's config.json, checked by `schema`; keys that the architecture doesn't use are left alone. */
export function parseModelConfig<S extends z.ZodType>(schema: S, raw: unknown, where: string): z.infer<S> {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`,
  );
  throw new TruecastError(
    `${where} cannot be used:\n${problems.join('\n')}`,
    'compare it with the published one',
  );
}

export function readModelConfig(folder: string): Record<string, unknown> {
  const path = join(folder, 'config.json');
  const raw = readJson(path, 'model configuration');
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new TruecastError(
      `${path} is not a JSON object`,
      'use the config.json that belongs to the weights',
    );
  }
  return raw as Record<string, unknown>;
}

const activation = z.enum(ACTIVATION_NAMES);
const size = z.int().positive();
const rate = z.number().min(0).lt(1);

/** What the encoders' configurations share. transformers writes num_labels as id2label, or not at all for two. */
export const encoderFields = {
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: activation.default('gelu'),
  hidden_dropout_prob: rate.default(0.1),
  attention_probs_dropout_prob: rate.default(0.1),
  max_position_embeddings: size.default(512),
  type_vocab_size: z.int().min(0).default(0),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: z.int().nullish(),
  num_labels: size.nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  problem_type: z.string().nullish(),
  classifier_dropout: rate.nullish(),
};

export function labelCount(config: {
  num_labels?: number | null;
  id2label?: Record<string, string> | null;
}): number {
  if (config.id2label) return Object.keys(config.id2label).length;
  return config.num_labels ?? 2;
}

export { activation as activationSchema, rate as rateSchema, size as sizeSchema };
