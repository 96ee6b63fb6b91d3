import { writeSync } from 'node:fs';
import { writeAtomic } from '../../support/files.js';
import { BYTES } from './bytes.js';
import { floatsToBfloats, floatsToHalves } from './floats.js';

export type TensorToWrite =
  | { dtype: 'F32' | 'F16' | 'BF16'; shape: readonly number[]; data: Float32Array }
  | { dtype: 'I32'; shape: readonly number[]; data: Int32Array }
  | { dtype: 'U8'; shape: readonly number[]; data: Uint8Array };

/** A tensor whose values are asked for when it is its turn. */
export interface TensorSource {
  dtype: TensorToWrite['dtype'];
  shape: readonly number[];
  /** As many values as the shape says; they may be overwritten once the next tensor is asked for. */
  data: () => Float32Array | Int32Array | Uint8Array;
}

/** Writes a safetensors file, tensors in the order given; the same input gives the same bytes. */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, tensor: TensorToWrite]>,
  metadata: Record<string, string> = { format: 'pt' },
): void {
  const sources = [...tensors].map(([name, { dtype, shape, data }]): [string, TensorSource] => [
    name,
    { dtype, shape, data: () => data },
  ]);
  streamSafetensors(path, sources, metadata);
}

export function byteSize({ dtype, shape }: TensorSource): number {
  return shape.reduce((product, n) => product * n, BYTES[dtype]);
}

/** As writeSafetensors, with one tensor at a time in memory. */
export function streamSafetensors(
  path: string,
  tensors: readonly (readonly [name: string, tensor: TensorSource])[],
  metadata: Record<string, string> = { format: 'pt' },
): void {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const end = offset + byteSize(tensor);
    header[name] = { dtype: tensor.dtype, shape: [...tensor.shape], data_offsets: [offset, end] };
    offset = end;
  }
  let text = Buffer.from(JSON.stringify(header), 'utf8');
  // the data begins at a multiple of 8 bytes
  text = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  writeAtomic(path, (fd) => {
    for (const part of [prefix, text]) writeAll(fd, part);
    for (const [name, tensor] of tensors) writeTensor(fd, name, tensor);
  });
}

const CHUNK = 2 ** 19;

function writeTensor(fd: number, name: string, tensor: TensorSource): void {
  const values = tensor.data();
  const size = byteSize(tensor) / BYTES[tensor.dtype];
  if (values.length !== size)
    throw new Error(`tensor ${name} [${tensor.shape}] wants ${size} values and has ${values.length}`);
  if (tensor.dtype !== 'F16' && tensor.dtype !== 'BF16') {
    writeAll(fd, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return;
  }
  const round = tensor.dtype === 'F16' ? floatsToHalves : floatsToBfloats;
  const rounded = new Uint16Array(Math.min(CHUNK, values.length));
  for (let first = 0; first < values.length; first += CHUNK) {
    const part = (values as Float32Array).subarray(first, first + CHUNK);
    round(part, rounded);
    writeAll(fd, new Uint8Array(rounded.buffer, 0, part.length * 2));
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
}
