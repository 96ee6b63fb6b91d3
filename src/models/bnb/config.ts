import { z } from 'zod';
import { TruecastError } from '../../support/errors.js';
import { parseModelConfig } from '../config.js';

/** What config.json says of a checkpoint that bitsandbytes packed. */
export interface BnbConfig {
  /** Whether scales are quantised once more. */
  kind: 'nf4' | 'nf4-double';
  /** Whether a linear layer was left as floats. */
  skips(layer: string): boolean;
}

/** transformers' BitsAndBytesConfig, as far as it tells how weights are stored. */
const schema = z.object({
  load_in_4bit: z.boolean().default(false),
  load_in_8bit: z.boolean().default(false),
  bnb_4bit_quant_type: z.string().default('fp4'),
  bnb_4bit_use_double_quant: z.boolean().default(false),
  llm_int8_skip_modules: z.array(z.string().min(1)).nullish(),
});

const REMEDY = 'use the unquantised model, or one packed as bitsandbytes nf4';

/** config.json's quantization_config; none: the weights are floats. Other formats than NF4 are refused. */
export function readBnbConfig(
  config: Readonly<Record<string, unknown>>,
  where: string,
): BnbConfig | undefined {
  const raw = config.quantization_config;
  if (raw === undefined || raw === null) return undefined;
  const refused = (what: string) => new TruecastError(`${where}: quantization_config: ${what}`, REMEDY);
  const method = (raw as { quant_method?: unknown }).quant_method ?? 'bitsandbytes';
  if (method !== 'bitsandbytes') throw refused(`quant_method ${JSON.stringify(method)} is not supported`);
  const parsed = parseModelConfig(schema, raw, `${where}: quantization_config`);
  if (parsed.load_in_8bit) throw refused('8-bit weights (load_in_8bit) are not supported');
  if (!parsed.load_in_4bit) throw refused('it is neither load_in_4bit nor load_in_8bit');
  const { bnb_4bit_quant_type: type, llm_int8_skip_modules: skipped } = parsed;
  if (type !== 'nf4') throw refused(`bnb_4bit_quant_type ${JSON.stringify(type)} is not supported`);
  const pattern = skipped?.find((name) => !/^[\w.-]+$/.test(name));
  if (pattern !== undefined)
    throw refused(
      `llm_int8_skip_modules has the pattern ${JSON.stringify(pattern)}, where names are supported`,
    );
  return {
    kind: parsed.bnb_4bit_use_double_quant ? 'nf4-double' : 'nf4',
    skips: (layer) => skipped?.some((name) => covers(name, layer)) ?? false,
  };
}

/** As transformers reads the list: a module's name, that of one around it, or how its name ends. */
function covers(name: string, layer: string): boolean {
  const inside = layer.startsWith(name) && (name.endsWith('.') || layer[name.length] === '.');
  return inside || layer.endsWith(name);
}

/** The quantization_config that transformers writes for such a model. */
export function writeBnbConfig(kind: BnbConfig['kind'], dtype: string, skipped: readonly string[] | null) {
  return {
    _load_in_4bit: true,
    _load_in_8bit: false,
    bnb_4bit_compute_dtype: dtype,
    bnb_4bit_quant_storage: 'uint8',
    bnb_4bit_quant_type: 'nf4',
    bnb_4bit_use_double_quant: kind === 'nf4-double',
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    llm_int8_skip_modules: skipped,
    // no llm_int8_threshold: it must be written 6.0, which JSON.stringify cannot, and is the default
    load_in_4bit: true,
    load_in_8bit: false,
    quant_method: 'bitsandbytes',
  };
}
