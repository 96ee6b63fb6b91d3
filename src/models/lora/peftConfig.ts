import { z } from 'zod';
import { parseModelConfig } from '../config.js';
import type { LoraConfig } from './config.js';

/** What an adapter was made for. */
export interface AdapterBase {
  /** base_model_name_or_path: null where the file leaves it out. */
  nameOrPath: string | null;
  task: 'CAUSAL_LM';
}

/** The version of PEFT whose adapter_config.json we write. */
const LAYOUT = '0.21.2';

/** What PEFT's configurations can say beyond ours, each as it is where nothing is said. */
const UNUSED = {
  alora_invocation_tokens: null,
  arrow_config: null,
  bias: 'none',
  fan_in_fan_out: false,
  kasa_config: null,
  layer_replication: null,
  loftq_config: {},
  lora_bias: false,
  megatron_config: null,
  modules_to_save: null,
  monteclora_config: null,
  target_parameters: null,
  trainable_token_indices: null,
  use_bdlora: null,
  use_qalora: false,
  velora_config: null,
} as const;

/** Keys whose values change nothing about how an adapter computes: how it began, who wrote it. */
const INERT = {
  auto_mapping: null,
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  inference_mode: true,
  lora_ga_config: null,
  megatron_core: 'megatron.core',
  peft_version: LAYOUT,
  qalora_group_size: 16,
  revision: null,
  runtime_config: null,
} as const;

/** adapter_config.json with every key that PEFT writes, sorted. */
export function peftConfig(config: LoraConfig, base: AdapterBase): Record<string, unknown> {
  const { targetModules, excludeModules, layersPattern } = config;
  const { runtime_config: _notWritten, ...inert } = INERT;
  const entries = {
    ...UNUSED,
    ...inert,
    alpha_pattern: config.alphaPattern ?? {},
    base_model_name_or_path: base.nameOrPath,
    exclude_modules: sortedList(excludeModules) ?? null,
    init_lora_weights: true,
    layers_pattern: layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern ?? {},
    target_modules: sortedList(targetModules),
    task_type: base.task,
    use_dora: config.dora ?? false,
    use_rslora: config.rslora,
  };
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sortedList(modules: string[] | string | undefined): string[] | string | undefined {
  return Array.isArray(modules) ? [...modules].sort() : modules;
}

const size = z.int().positive();
const names = z.union([z.string().min(1), z.array(z.string().min(1))]);
const list = <T extends z.ZodType>(item: T) =>
  z.union([z.array(item), item.transform((one) => [one])]).nullish();

const schema = z
  .looseObject({
    peft_type: z.literal('LORA', 'only LORA adapters are supported'),
    task_type: z.string().nullish(),
    base_model_name_or_path: z.string().nullish(),
    r: size,
    lora_alpha: z.number().positive(),
    lora_dropout: z.number().min(0).lt(1).default(0),
    target_modules: names,
    exclude_modules: names.nullish(),
    layers_to_transform: list(z.int().min(0)),
    layers_pattern: list(z.string().min(1)),
    rank_pattern: z.record(z.string(), size).nullish(),
    alpha_pattern: z.record(z.string(), z.number().positive()).nullish(),
    use_rslora: z.boolean().nullish(),
    use_dora: z.boolean().nullish(),
    // the others (pissa, olora, corda, loftq, lora_ga) also change the base's weights
    init_lora_weights: z
      .union([z.boolean(), z.enum(['gaussian', 'eva', 'orthogonal'])], {
        error:
          'adapters that were initialised by changing the base are not supported; convert them with PEFT',
      })
      .nullish(),
  })
  .superRefine((config, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    for (const [key, value] of Object.entries(config)) {
      if (Object.hasOwn(schemaKeys, key) || Object.hasOwn(INERT, key) || saysNothing(value)) continue;
      const known = Object.hasOwn(UNUSED, key);
      if (known && value === UNUSED[key as keyof typeof UNUSED]) continue;
      refuse(key, known ? 'is not supported' : `has an unknown meaning (${JSON.stringify(value)})`);
    }
    const { target_modules: targets, layers_to_transform: blocks, layers_pattern: pattern } = config;
    if (typeof targets === 'string') {
      if (blocks) refuse('layers_to_transform', 'goes only with a list of target_modules');
      if (pattern) refuse('layers_pattern', 'goes only with a list of target_modules');
    } else if (pattern?.length && !blocks) {
      refuse('layers_pattern', 'goes only with layers_to_transform');
    }
  });

const schemaKeys = schema.shape;

function saysNothing(value: unknown): boolean {
  if (value === null || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Reads what adapter_config.json says. @throws TruecastError that names every key which cannot be used */
export function parsePeftConfig(raw: unknown, where: string): { config: LoraConfig; base: AdapterBase } {
  const read = parseModelConfig(schema, raw, where);
  const config: LoraConfig = {
    rank: read.r,
    alpha: read.lora_alpha,
    dropout: read.lora_dropout,
    targetModules: read.target_modules,
    rslora: read.use_rslora ?? false,
    dora: read.use_dora ?? false,
    rankPattern: read.rank_pattern ?? {},
    alphaPattern: read.alpha_pattern ?? {},
  };
  if (read.exclude_modules) config.excludeModules = read.exclude_modules;
  if (read.layers_to_transform) config.layersToTransform = read.layers_to_transform;
  if (read.layers_pattern) config.layersPattern = read.layers_pattern;
  return { config, base: { nameOrPath: read.base_model_name_or_path ?? null, task: 'CAUSAL_LM' } };
}
