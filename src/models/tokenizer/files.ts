import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { readJson } from '../../support/files.js';

export function readTokenizerFiles(folder: string): {
  json: unknown;
  config: Record<string, unknown>;
  path: string;
} {
  const path = join(folder, 'tokenizer.json');
  const configPath = join(folder, 'tokenizer_config.json');
  const config = existsSync(configPath) ? readJson(configPath, 'tokenizer configuration') : {};
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new TruecastError(`${configPath} is not a JSON object`);
  return { json: readJson(path, 'tokenizer'), config: config as Record<string, unknown>, path };
}
