import { z } from 'zod';
import { messageOf, TruecastError } from '../support/errors.js';

/** What a repository is wanted for: a whole model (base or discriminator), or a PEFT adapter. */
export type Purpose = 'model' | 'adapter';

const TOKENIZERS = ['tokenizer.json', 'spm.model', 'sentencepiece.bpe.model', 'tokenizer.model'];

/** What is read where a repository has it. Exports of other libraries and originals are never fetched. */
const FILES: Record<Purpose, string[]> = {
  model: [
    'config.json',
    'generation_config.json',
    'discriminator.json',
    ...TOKENIZERS,
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
    'chat_template.jinja',
  ],
  adapter: ['adapter_config.json', 'truecast.json'],
};

/** The first that a repository has is taken. */
const WEIGHTS: Record<Purpose, string[]> = {
  model: [
    'model.safetensors',
    'model.safetensors.index.json',
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
  ],
  adapter: ['adapter_model.safetensors', 'adapter_model.bin'],
};

/** Without it, a repository is none. */
export const CONFIGS: Record<Purpose, string> = { model: 'config.json', adapter: 'adapter_config.json' };

export interface Needed {
  files: string[];
  /** The one of them that says which shards the weights are in. */
  index?: string;
  /** What no file of those given can stand for, in words. */
  missing: string[];
}

/** Which of the files at the top of a repository are needed. */
export function neededFiles(purpose: Purpose, names: readonly string[]): Needed {
  const has = new Set(names);
  const files = FILES[purpose].filter((name) => has.has(name));
  const weights = WEIGHTS[purpose].find((name) => has.has(name));
  const missing: string[] = [];
  if (!has.has(CONFIGS[purpose])) missing.push(CONFIGS[purpose]);
  if (weights === undefined) missing.push(`weights (${WEIGHTS[purpose].join(', ')})`);
  else files.push(weights);
  if (purpose === 'model' && !TOKENIZERS.some((name) => has.has(name)))
    missing.push(`a tokenizer (${TOKENIZERS.join(', ')})`);
  return { files, missing, ...(weights?.endsWith('.index.json') ? { index: weights } : {}) };
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The shards that an index names; plain names of weights, beside the index. */
export function shardsOf(index: string, text: string): string[] {
  const refuse = (what: string) =>
    new TruecastError(`${index}: ${what}`, 'the repository is damaged: ask its owner, or use another');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(`not JSON: ${messageOf(error)}`);
  }
  const parsed = indexSchema.safeParse(json);
  if (!parsed.success) throw refuse('has no weight_map from tensors to files');
  const shards = [...new Set(Object.values(parsed.data.weight_map))].sort();
  const strange = shards.find((name) => !/^[A-Za-z0-9][\w.-]*\.(safetensors|bin)$/.test(name));
  if (strange !== undefined) throw refuse(`names a file that is no shard: ${JSON.stringify(strange)}`);
  return shards;
}

/** What can be done with a repository that is not what it was taken for. */
export function otherUse(repository: string, purpose: Purpose, names: readonly string[]): string {
  const gguf = names.filter((name) => name.endsWith('.gguf'));
  if (purpose === 'model' && names.includes('adapter_config.json'))
    return 'it is an adapter: name it where an adapter is wanted, and its base where a model is';
  if (purpose === 'adapter' && names.includes('config.json'))
    return 'it is a whole model: name it where a model is wanted';
  if (gguf.length > 0)
    return `it has GGUF files; name one: ${gguf.map((name) => `${repository}:${name}`).join(', ')}`;
  return 'name a repository in the layout of transformers, or of PEFT for an adapter';
}
