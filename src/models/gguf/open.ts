import { statSync } from 'node:fs';
import type { ModelFiles } from '../files.js';
import { GgufFile } from '../formats/gguf/file.js';
import { architectureOf, ggufConfig } from './config.js';
import { GgufMetadata } from './metadata.js';
import { ggufTokenizer, type TokenizerFiles, tokenizerFiles } from './tokenizer.js';
import { GgufWeights } from './weights.js';

/** Whether a path names a GGUF file, there or not; a folder of such a name is none. */
export function isGguf(path: string): boolean {
  return path.toLowerCase().endsWith('.gguf') && !statSync(path, { throwIfNoEntry: false })?.isDirectory();
}

/** A model in a GGUF file, which holds configuration, tokenizer and weights. @throws TruecastError */
export function openGguf(path: string): ModelFiles {
  const file = GgufFile.open(path);
  file.close();
  const metadata = new GgufMetadata(path, file.metadata);
  return {
    path,
    config: ggufConfig(metadata, file.tensors),
    configPath: path,
    openWeights: () => GgufWeights.open(path, architectureOf(metadata)),
    tokenizer: () => ggufTokenizer(metadata),
  };
}

/** The tokenizer of a GGUF file as tokenizer.json and tokenizer_config.json. @throws TruecastError */
export function ggufTokenizerFiles(path: string): TokenizerFiles {
  const file = GgufFile.open(path);
  file.close();
  return tokenizerFiles(new GgufMetadata(path, file.metadata));
}
