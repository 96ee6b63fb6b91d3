import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { weightFiles } from '../models/formats/folder.js';
import { isGguf } from '../models/gguf/open.js';
import { readJson, writeFileAtomic } from '../support/files.js';

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
  /** What the base's linear layers were held in while it was trained; absent in older folders. */
  quantization?: 'none' | 'nf4' | 'nf4-double';
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

/** SHA-256 of a model's weights, one file after the other: tells whether two paths hold the same model. */
export function weightsHash(model: string): string {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(2 ** 20);
  for (const path of isGguf(model) ? [model] : weightFiles(model)) {
    const fd = openSync(path, 'r');
    try {
      for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) {
        hash.update(chunk.subarray(0, count));
      }
    } finally {
      closeSync(fd);
    }
  }
  return hash.digest('hex');
}
