import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TruecastError } from '../support/errors.js';
import { readModelConfig } from './config.js';
import { SafetensorsFile } from './formats/safetensors.js';
import type { TensorFile } from './formats/tensorFile.js';
import { isGguf, openGguf } from './gguf/open.js';
import { Tokenizer } from './tokenizer.js';

/** A model on this machine: configuration, weights and tokenizer, whatever the files that hold them. */
export interface ModelFiles {
  readonly path: string;
  /** As config.json has it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What the configuration was read from, for messages. */
  readonly configPath: string;
  openWeights(): TensorFile;
  tokenizer(): Tokenizer;
}

/** Opens the model at `path`: a folder in Hugging Face layout, or a .gguf file. Weights are not read yet. */
export function openModel(path: string): ModelFiles {
  if (isGguf(path)) return openGguf(path);
  return {
    path,
    config: readModelConfig(path),
    configPath: join(path, 'config.json'),
    openWeights: () => openWeights(path),
    tokenizer: () => Tokenizer.load(path),
  };
}

function openWeights(folder: string): TensorFile {
  const path = join(folder, 'model.safetensors');
  if (!existsSync(path))
    throw new TruecastError(`no model.safetensors in ${folder}`, 'name a folder in Hugging Face layout');
  return SafetensorsFile.open(path);
}
