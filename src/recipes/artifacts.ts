import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes, readJson, writeFileAtomic } from '../support/files.js';

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];

/** Copies a model's tokenizer beside a model that was trained from it. */
export function copyTokenizer(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of TOKENIZER_FILES) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
}

/** What gave the reward that an adapter was trained on. */
export interface AdapterProvenance {
  character: string;
  method: string;
  /** Hashes of the reward discriminators' weights; absent where the pairs were ready-made. */
  reward?: { relevance: string; nli: string };
}

const PROVENANCE = 'truecast.json';

export function saveProvenance(adapterFolder: string, provenance: AdapterProvenance): void {
  writeFileAtomic(join(adapterFolder, PROVENANCE), `${JSON.stringify(provenance, null, 2)}\n`);
}

/** Undefined for an adapter that truecast did not train. */
export function loadProvenance(adapterFolder: string): AdapterProvenance | undefined {
  const path = join(adapterFolder, PROVENANCE);
  return existsSync(path) ? (readJson(path, 'provenance') as AdapterProvenance) : undefined;
}

/** SHA-256 of a model folder's weights: tells whether two folders hold the same model. */
export function weightsHash(folder: string): string {
  return createHash('sha256')
    .update(readBytes(join(folder, 'model.safetensors'), 'weights'))
    .digest('hex');
}
