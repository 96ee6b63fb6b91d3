import { join } from 'node:path';
import { writeFileAtomic } from '../support/files.js';
import { byteSize, streamSafetensors, type TensorSource } from './formats/safetensorsWriter.js';

/**
 * Writes a model's weights into `folder`, one tensor at a time in memory: model.safetensors, or shards with an index
 * as transformers names them where they take more than `maxBytes`. A tensor that is larger has a shard of its own.
 *
 * @param done called with the name of each tensor that is written
 * @returns the files' names
 */
export function saveShards(
  folder: string,
  tensors: readonly (readonly [name: string, tensor: TensorSource])[],
  maxBytes: number,
  done: (name: string) => void = () => {},
): string[] {
  const shards: (readonly [string, TensorSource])[][] = [[]];
  let [size, total] = [0, 0];
  for (const entry of watched(tensors, done)) {
    const bytes = byteSize(entry[1]);
    if (size > 0 && size + bytes > maxBytes) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push(entry);
    size += bytes;
    total += bytes;
  }
  if (shards.length === 1) {
    streamSafetensors(join(folder, 'model.safetensors'), shards[0]!);
    return ['model.safetensors'];
  }
  const number = (n: number) => String(n).padStart(5, '0');
  const files = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
  shards.forEach((shard, i) => {
    streamSafetensors(join(folder, files[i]!), shard);
  });
  const places = shards.flatMap((shard, i) => shard.map(([name]) => [name, files[i]!] as const));
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(places) };
  writeFileAtomic(join(folder, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
  return files;
}

function watched(
  tensors: readonly (readonly [name: string, tensor: TensorSource])[],
  done: (name: string) => void,
): (readonly [name: string, tensor: TensorSource])[] {
  return tensors.map(([name, tensor]) => {
    const data = () => {
      const values = tensor.data();
      done(name);
      return values;
    };
    return [name, { ...tensor, data }];
  });
}
