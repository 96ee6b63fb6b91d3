import { join } from 'node:path';
import { TruecastError } from '../support/errors.js';
import { readBnbConfig } from './bnb/config.js';
import { BnbFile, packedNames } from './bnb/file.js';
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
  const config = readModelConfig(path);
  const configPath = join(path, 'config.json');
  return {
    path,
    config,
    configPath,
    openWeights: () => unpacked(openFolderWeights(path), config, configPath),
    tokenizer: () => Tokenizer.load(path),
  };
}

/** The weights, of which bitsandbytes may have packed some. */
function unpacked(file: TensorFile, config: Readonly<Record<string, unknown>>, where: string): TensorFile {
  try {
    const bnb = readBnbConfig(config, where);
    if (bnb) return BnbFile.of(file, bnb);
    const [packed] = packedNames(file);
    if (packed === undefined) return file;
    throw new TruecastError(
      `${file.path}: ${packed} is packed by bitsandbytes, and ${where} has no quantization_config`,
      'use the config.json that belongs to these weights',
    );
  } catch (error) {
    file.close();
    throw error;
  }
}
