import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { readJson } from '../../support/files.js';
import { readFloats, type StoredTensor, type TensorFile } from './tensorFile.js';

/**
 * An index as transformers writes it beside the shards: `weight_map`, name of a tensor → name of its file. What
 * else it says (`metadata`) is of no use for reading.
 *
 * @returns the shards' file names in order, and each tensor's
 * @throws TruecastError where it is malformed, or names a file that does not lie beside it
 */
export function readIndex(path: string): { shards: string[]; shardOf: Map<string, string> } {
  const bad = (what: string) =>
    new TruecastError(`${path} is no index of shards: ${what}`, 'fetch it again from where it came');
  const map = (readJson(path, 'index of shards') as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw bad('it has no weight_map');
  const shardOf = new Map<string, string>();
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !/^[\w-][\w.-]*$/.test(shard))
      throw bad(`tensor ${name} is in ${JSON.stringify(shard)}, which is no bare file name`);
    shardOf.set(name, shard);
  }
  if (shardOf.size === 0) throw bad('its weight_map is empty');
  return { shards: [...new Set(shardOf.values())].sort(), shardOf };
}

/** Weights in several files with an index. All are opened, and their headers read, at once. */
export class ShardedFile implements TensorFile {
  private constructor(
    readonly path: string,
    private readonly shards: readonly TensorFile[],
    readonly tensors: ReadonlyMap<string, StoredTensor>,
    private readonly shardOf: ReadonlyMap<string, TensorFile>,
  ) {}

  /**
   * @param open opens one shard
   * @throws TruecastError where the index and the shards do not agree, or a shard is missing or damaged
   */
  static open(path: string, open: (path: string) => TensorFile): ShardedFile {
    const index = readIndex(path);
    const shards = new Map<string, TensorFile>();
    try {
      for (const name of index.shards) shards.set(name, openShard(path, name, open));
      const problems: string[] = [];
      const tensors = new Map<string, StoredTensor>();
      const shardOf = new Map<string, TensorFile>();
      for (const [shard, file] of shards) {
        for (const [name, info] of file.tensors) {
          if (tensors.has(name)) problems.push(`in two shards: ${name}`);
          tensors.set(name, info);
          shardOf.set(name, file);
        }
        for (const [name, indexed] of index.shardOf) {
          if (indexed === shard && !file.tensors.has(name)) problems.push(`missing in ${shard}: ${name}`);
        }
      }
      if (problems.length > 0) {
        throw new TruecastError(
          `${path} does not fit its shards:\n  ${problems.join('\n  ')}`,
          'fetch the index and all shards again, from one revision',
        );
      }
      return new ShardedFile(path, [...shards.values()], tensors, shardOf);
    } catch (error) {
      for (const shard of shards.values()) shard.close();
      throw error;
    }
  }

  floats(name: string): Float32Array {
    return this.shard(name).floats(name);
  }

  floatsInto(name: string, into: Float32Array, first: number): void {
    readFloats(this.shard(name), name, into, first);
  }

  bytes(name: string): Uint8Array {
    return this.shard(name).bytes(name);
  }

  close(): void {
    for (const shard of this.shards) shard.close();
  }

  private shard(name: string): TensorFile {
    const shard = this.shardOf.get(name);
    if (!shard) throw new TruecastError(`no tensor ${name} in ${this.path}`);
    return shard;
  }
}

function openShard(index: string, name: string, open: (path: string) => TensorFile): TensorFile {
  const path = join(dirname(index), name);
  if (!existsSync(path))
    throw new TruecastError(`no ${name} beside ${index}, which names it`, 'fetch the missing shard');
  return open(path);
}
