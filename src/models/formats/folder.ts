import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { SafetensorsFile } from './safetensors.js';
import { readIndex, ShardedFile } from './sharded.js';
import type { TensorFile } from './tensorFile.js';
import { TorchFile } from './torchFile.js';

/** What a folder in Hugging Face layout may hold its weights in; the first that is there is taken. */
const LAYOUTS = [
  { name: 'model.safetensors', open: SafetensorsFile.open },
  { name: 'model.safetensors.index.json', open: SafetensorsFile.open },
  { name: 'pytorch_model.bin', open: TorchFile.open },
  { name: 'pytorch_model.bin.index.json', open: TorchFile.open },
] as const;

function layoutOf(folder: string) {
  return LAYOUTS.find(({ name }) => existsSync(join(folder, name)));
}

function weightsIn(folder: string) {
  const layout = layoutOf(folder);
  if (!layout) {
    const [first, ...others] = LAYOUTS.map(({ name }) => name);
    throw new TruecastError(
      `no ${first} in ${folder}, nor ${others.join(', ')}`,
      'name a folder in Hugging Face layout',
    );
  }
  return { path: join(folder, layout.name), sharded: layout.name.endsWith('.index.json'), open: layout.open };
}

/** Whether a folder has weights, whole or in shards. */
export function hasWeights(folder: string): boolean {
  return layoutOf(folder) !== undefined;
}

/** Opens the weights of a folder: safetensors before PyTorch's pickles, one file before shards. */
export function openFolderWeights(folder: string): TensorFile {
  const { path, sharded, open } = weightsIn(folder);
  return sharded ? ShardedFile.open(path, open) : open(path);
}

/** The files that hold the weights of a folder, shards in the order of their names. */
export function weightFiles(folder: string): string[] {
  const { path, sharded } = weightsIn(folder);
  return sharded ? readIndex(path).shards.map((name) => join(folder, name)) : [path];
}
