import { writeSync } from 'node:fs';
import { TruecastError } from '../../../support/errors.js';
import { writeAtomic } from '../../../support/files.js';
import { floatToHalf } from '../floats.js';

/** A metadata entry to write. */
export type GgufEntry =
  | readonly [key: string, type: 'string', value: string]
  | readonly [key: string, type: 'uint32' | 'float32', value: number];

export interface GgufTensorToWrite {
  readonly name: string;
  readonly dtype: 'F32' | 'F16';
  /** Row-major, as everywhere here; the file has the reverse. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The format's numbers: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const VERSION = 3;
const VALUE_TYPES = { uint32: 4, float32: 6, string: 8 } as const;
const TENSOR_TYPES = { F32: 0, F16: 1 } as const;
/** Where tensors begin, in bytes: what readers assume without general.alignment. */
const ALIGNMENT = 32;
/** ggml's limits (GGML_MAX_NAME less its final zero, GGML_MAX_DIMS). */
const LONGEST_NAME = 63;
const MOST_DIMENSIONS = 4;

/**
 * Writes a GGUF file, version 3, little-endian, entries and tensors in the order given: the bytes that gguf-py writes.
 *
 * @throws TruecastError for values that F16 cannot hold
 */
export function writeGguf(
  path: string,
  metadata: readonly GgufEntry[],
  tensors: readonly GgufTensorToWrite[],
): void {
  const header = [Buffer.from('GGUF'), u32(VERSION), u64(tensors.length), u64(metadata.length)];
  for (const [key, type, value] of metadata) {
    header.push(string(key), u32(VALUE_TYPES[type]));
    if (type === 'string') header.push(string(value));
    else header.push(type === 'uint32' ? u32(value) : f32(value));
  }
  let offset = 0;
  for (const { name, dtype, shape, data } of tensors) {
    if (Buffer.byteLength(name) > LONGEST_NAME || shape.length > MOST_DIMENSIONS)
      throw new Error(`tensor ${name} [${shape}] is beyond what GGUF can name`);
    header.push(string(name), u32(shape.length), ...[...shape].reverse().map(u64));
    header.push(u32(TENSOR_TYPES[dtype]), u64(offset));
    offset += padded(data.length * (dtype === 'F16' ? 2 : 4));
  }
  writeAtomic(path, (fd) => {
    writePadded(fd, Buffer.concat(header));
    for (const tensor of tensors) writePadded(fd, tensorBytes(tensor));
  });
}

function tensorBytes({ name, dtype, data }: GgufTensorToWrite): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const halves = Uint16Array.from(data, floatToHalf);
  const lost = data.findIndex((value, i) => Number.isFinite(value) && (halves[i]! & 0x7fff) === 0x7c00);
  if (lost >= 0)
    throw new TruecastError(`tensor ${name} has ${data[lost]}, which F16 cannot hold`, 'write it as F32');
  return new Uint8Array(halves.buffer);
}

const padded = (size: number) => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

function writePadded(fd: number, bytes: Uint8Array): void {
  for (const part of [bytes, Buffer.alloc(padded(bytes.length) - bytes.length)]) {
    let done = 0;
    while (done < part.length) done += writeSync(fd, part, done, part.length - done);
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}
