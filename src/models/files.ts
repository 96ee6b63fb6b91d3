import { join } from 'node:path';
import { readModelConfig } from './config.js';
import { openFolderWeights } from './formats/folder.js';
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
    openWeights: () => openFolderWeights(path),
    tokenizer: () => Tokenizer.load(path),
  };
}
