import { copyFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readText, writeFileAtomic } from '../support/files.js';
import { editJson } from '../support/json.js';
import type { ModelFiles } from './files.js';
import { ggufTokenizerFiles, isGguf } from './gguf/open.js';
import { TOKENIZER_FILES } from './tokenizer/files.js';

/** What lies beside a model's weights and stays as it is when they are changed. */
const COMPANIONS = [
  ...TOKENIZER_FILES,
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
];

/**
 * Writes what a model needs beside its weights: its configuration, for weights of one type, and its tokenizer.
 *
 * @param change what else is to be changed in config.json
 */
export function writeCompanions(
  files: ModelFiles,
  folder: string,
  dtype: keyof typeof TORCH_DTYPES,
  change: (config: Record<string, unknown>) => Record<string, unknown> = (config) => config,
): void {
  const config = editJson(configText(files), (value) => change(configFor(value, TORCH_DTYPES[dtype])));
  writeFileAtomic(join(folder, 'config.json'), `${config}\n`);
  if (isGguf(files.path)) {
    const { json, config } = ggufTokenizerFiles(files.path);
    writeFileAtomic(join(folder, 'tokenizer.json'), JSON.stringify(json));
    writeFileAtomic(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`);
    return;
  }
  const from = dirname(files.configPath);
  for (const name of COMPANIONS) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(folder, name));
  }
}

export const TORCH_DTYPES = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' } as const;

function configText({ config, configPath, path }: ModelFiles): string {
  if (!isGguf(path)) return readText(configPath, 'model configuration');
  // transformers takes no whole numbers for these
  const text = JSON.stringify(config);
  return text.replace(/("(?:\w+_softcapping|rope_\w*(?:theta|freq)|factor)":-?\d+)(?=[,}])/g, '$1.0');
}

/** A config.json for floating-point weights of one type; what it said of quantised ones is gone. */
function configFor(config: Readonly<Record<string, unknown>>, type: string): Record<string, unknown> {
  const { quantization_config: _gone, torch_dtype: _older, dtype: newer, ...rest } = config;
  const text = config.text_config as Record<string, unknown> | undefined;
  const key = newer === undefined ? 'torch_dtype' : 'dtype';
  return { ...rest, ...(text && { text_config: configFor(text, type) }), [key]: type };
}
