import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { writeFileAtomic } from '../../support/files.js';
import { hasWeights } from './folder.js';
import { byteSize, streamSafetensors, type TensorSource } from './safetensorsWriter.js';

type Named = readonly [name: string, tensor: TensorSource];

export interface ShardOptions {
  /** Tensors' bytes in a shard; a larger tensor gets one of its own. transformers' default: 50 GB. */
  maxShardBytes?: number;
  metadata?: Record<string, string>;
}

/**
 * Writes weights into a folder as transformers' save_pretrained does: model.safetensors where they fit into one
 * shard, else model-00001-of-0000N.safetensors and so on with model.safetensors.index.json. Shapes and types are
 * known beforehand; each tensor's values are asked for once, in the order given, and one is in memory at a time.
 * The index comes last, so that a folder that was not finished has no weights.
 *
 * @returns the paths of the files with weights
 * @throws TruecastError where the folder has weights already, or the disk refuses
 */
export function writeShardedSafetensors(
  folder: string,
  tensors: Iterable<Named>,
  { maxShardBytes = 50e9, metadata = { format: 'pt' } }: ShardOptions = {},
): string[] {
  mkdirSync(folder, { recursive: true });
  if (hasWeights(folder))
    throw new TruecastError(`${folder} has a model's weights already`, 'choose another folder, or empty it');
  // what a run that was cut short left
  for (const name of readdirSync(folder)) {
    if (/^model-\d{5}-of-\d{5}\.safetensors$/.test(name)) rmSync(join(folder, name));
  }
  const all = [...tensors];
  if (new Set(all.map(([name]) => name)).size < all.length) throw new Error('two tensors have one name');
  const shards = divide(all, maxShardBytes);
  if (shards.length === 1) {
    const path = join(folder, 'model.safetensors');
    streamSafetensors(path, all, metadata);
    return [path];
  }
  const number = (n: number) => String(n).padStart(5, '0');
  const names = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
  shards.forEach((shard, i) => {
    streamSafetensors(join(folder, names[i]!), shard, metadata);
  });
  const placed = shards.flatMap((shard, i) => shard.map(([name]) => [name, names[i]!] as const));
  const index = {
    metadata: {
      total_parameters: all.reduce((sum, [, { shape }]) => sum + shape.reduce((p, n) => p * n, 1), 0),
      total_size: all.reduce((sum, [, tensor]) => sum + byteSize(tensor), 0),
    },
    weight_map: Object.fromEntries(placed.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  writeFileAtomic(join(folder, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
  return names.map((name) => join(folder, name));
}

/** Tensors in their order, as many to a shard as fit. */
function divide(tensors: readonly Named[], maxShardBytes: number): Named[][] {
  const shards: Named[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const size = byteSize(tensor[1]);
    if (size > room || shards.length === 0) {
      shards.push([]);
      room = maxShardBytes;
    }
    shards.at(-1)!.push(tensor);
    room -= size;
  }
  return shards.length === 0 ? [[]] : shards;
}
