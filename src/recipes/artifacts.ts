import { createHash, type Hash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { weightFiles } from '../models/formats/folder.js';
import { isGguf } from '../models/gguf/open.js';
import type { Quantization } from '../models/nf4.js';
import { TruecastError } from '../support/errors.js';
import { readJson, writeFileAtomic } from '../support/files.js';
import type { LocatedModel } from './models.js';

/** What gave the reward that an adapter was trained on. */
export interface AdapterProvenance {
  character: string;
  method: string;
  /** The base model as the run named it, and the commit of one from the hub. */
  base: string;
  baseCommit?: string;
  /** What the base's linear layers were held in while it was trained; absent in older folders. */
  quantization?: Quantization;
  /** Hashes of the reward discriminators' weights; absent where the pairs were ready-made. */
  reward?: { relevance: string; nli: string };
}

/** What provenance says of the base. */
export function baseProvenance({
  reference,
  commit,
}: LocatedModel): Pick<AdapterProvenance, 'base' | 'baseCommit'> {
  return { base: reference, ...(commit === undefined ? {} : { baseCommit: commit }) };
}

/** The base as PEFT names it: a model of the hub by its repository, for PEFT knows no revision in a name. */
export function baseName({ reference, repository }: LocatedModel): string {
  return repository ?? reference;
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
  if (!existsSync(model)) throw new TruecastError(`no such file: ${model}`, 'check the path');
  const hash = createHash('sha256');
  for (const path of isGguf(model) ? [model] : weightFiles(model)) addFile(hash, path);
  return hash.digest('hex');
}

/** SHA-256 of an adapter in PEFT's layout: its configuration and its tensors. */
export function adapterHash(folder: string): string {
  const hash = createHash('sha256');
  const names = ['adapter_config.json', 'adapter_model.safetensors', 'adapter_model.bin'];
  for (const path of names.map((name) => join(folder, name))) if (existsSync(path)) addFile(hash, path);
  return hash.digest('hex');
}

function addFile(hash: Hash, path: string): void {
  const chunk = new Uint8Array(2 ** 20);
  const fd = openSync(path, 'r');
  try {
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) {
      hash.update(chunk.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}
