import { join } from 'node:path';
import { fillTensor } from '../backends/tensorflow/upload.js';
import * as tf from '../backends/tf.js';
import { hasHeap, heapKernel } from '../backends/wasm/heap.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { type TensorToWrite, writeSafetensors } from './formats/safetensors.js';
import { readFloats, type StoredTensor, type TensorFile } from './formats/tensorFile.js';

/** A model's tensors by their Hugging Face names. Owns them: what is replaced or left over is disposed here. */
export class Weights {
  private readonly tensors = new Map<string, tf.Tensor>();

  get(name: string): tf.Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`no weight ${name}`);
    return tensor;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** Takes ownership of `tensor`; the one it replaces is disposed. */
  set(name: string, tensor: tf.Tensor): void {
    const old = this.tensors.get(name);
    if (old === tensor) return;
    this.tensors.set(name, tf.keep(tensor));
    old?.dispose();
  }

  delete(name: string): void {
    this.tensors.get(name)?.dispose();
    this.tensors.delete(name);
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  /** Names that begin with `prefix`. */
  under(prefix: string): string[] {
    return this.names().filter((name) => name.startsWith(prefix));
  }

  parameterCount(): number {
    let count = 0;
    for (const tensor of this.tensors.values()) count += tensor.size;
    return count;
  }

  dispose(): void {
    for (const tensor of this.tensors.values()) tensor.dispose();
    this.tensors.clear();
  }
}

/** A tensor of a file on the device, with no more than a part of it anywhere else. */
export function loadTensor(file: TensorFile, name: string, shape: readonly number[]): tf.Tensor {
  if (hasHeap()) return heapKernel([], [...shape], 'float32', (_, output) => readFloats(file, name, output));
  return fillTensor(shape, (part, first) => readFloats(file, name, part, first));
}

/** Writes tensors under their names, sorted, as safetensors. */
export function saveTensors(
  path: string,
  tensors: Iterable<[string, tf.Tensor]>,
  dtype: 'F32' | 'BF16' = 'F32',
): void {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  writeSafetensors(
    path,
    sorted.map(([name, tensor]): [string, TensorToWrite] => {
      const { shape } = tensor;
      if (tensor.dtype === 'int32')
        return [name, { dtype: 'I32', shape, data: tensor.dataSync() as Int32Array }];
      return [name, { dtype, shape, data: tensor.dataSync() as Float32Array }];
    }),
  );
}

/** What a model expects of its file: a tensor's name and shape. */
export type ExpectedTensors = ReadonlyMap<string, readonly number[]>;

/**
 * Compares a file with what the configuration asks for, before a byte is read: all missing, unexpected and
 * misshapen tensors in one error.
 *
 * @param optional expected names that may be missing (a new classification head, tied embeddings)
 * @param ignored names in the file that nothing needs
 */
export function checkTensors(
  file: TensorFile,
  expected: ExpectedTensors,
  rename: (name: string) => string,
  { optional, ignored }: { optional: (name: string) => boolean; ignored: (name: string) => boolean },
): void {
  const found = new Map<string, StoredTensor>();
  const problems: string[] = [];
  for (const [name, info] of file.tensors) {
    const renamed = rename(name);
    if (found.has(renamed) && !ignored(renamed)) problems.push(`twice: ${renamed}, ${name}`);
    found.set(renamed, info);
  }
  for (const [name, shape] of expected) {
    const info = found.get(name);
    if (!info) {
      if (!optional(name)) problems.push(`missing: ${name} [${shape}]`);
    } else if (info.shape.join() !== shape.join()) {
      problems.push(`${name} is [${info.shape}], config.json asks for [${shape}]`);
    }
  }
  for (const name of found.keys())
    if (!expected.has(name) && !ignored(name)) problems.push(`unexpected: ${name}`);
  if (problems.length > 0) {
    throw new TruecastError(
      `${file.path} does not fit its config.json:\n  ${problems.join('\n  ')}`,
      'use the config.json that belongs to these weights',
    );
  }
}

/** Writes config.json and model.safetensors into `folder`. */
export function saveModel(
  folder: string,
  config: Record<string, unknown>,
  weights: Weights,
  dtype: 'F32' | 'BF16' = 'F32',
): void {
  const tensors = weights.names().map((name): [string, tf.Tensor] => [name, weights.get(name)]);
  saveTensors(join(folder, 'model.safetensors'), tensors, dtype);
  writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

/**
 * What published files carry and the model doesn't use: buffers, pretraining heads, RoBERTa's pooler,
 * DeBERTa's absolute positions where positions are relative alone.
 */
export const isUnused = (name: string) =>
  /position_ids$|^cls\.|^lm_predictions\.|^mask_predictions\.|^lm_head\.|rotary_emb/.test(name) ||
  /^(roberta\.)?pooler\.dense\.|^(deberta\.)?embeddings\.position_embeddings\.weight$/.test(name);
