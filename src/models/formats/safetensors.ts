import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { messageOf, TruecastError } from '../../support/errors.js';
import { writeAtomic } from '../../support/files.js';
import { bfloatToFloat, floatToBfloat, halfToFloat } from './floats.js';
import type { StoredTensor, TensorFile } from './tensorFile.js';

/**
 * The safetensors format: 8 bytes of header length, a JSON header (name → dtype, shape, byte range), then
 * the tensors' bytes. Tensors are read one by one; what the header claims is checked against the file first.
 */

const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type SafetensorsDtype = keyof typeof BYTES;

export interface TensorInfo extends StoredTensor {
  dtype: SafetensorsDtype;
  shape: number[];
  /** Byte range in the file. */
  begin: number;
  end: number;
}

const LARGEST_HEADER = 100 * 2 ** 20;

export class SafetensorsFile implements TensorFile {
  private constructor(
    readonly path: string,
    private readonly fd: number,
    readonly tensors: ReadonlyMap<string, TensorInfo>,
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** Opens a file and checks its header. Throws TruecastError that names the file and the tensor. */
  static open(path: string): SafetensorsFile {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      throw new TruecastError(`weights cannot be opened: ${path}: ${messageOf(error)}`, 'check the path');
    }
    try {
      return new SafetensorsFile(path, fd, ...readHeader(path, fd));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (!info) throw new TruecastError(`no tensor ${name} in ${this.path}`);
    return info;
  }

  /** The raw bytes of a tensor, in a buffer of its own. */
  bytes(name: string): Uint8Array {
    const { begin, end } = this.info(name);
    const bytes = new Uint8Array(end - begin);
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(this.fd, bytes, done, bytes.length - done, begin + done);
      if (count === 0) throw new TruecastError(`${this.path} ends within tensor ${name}`, 'copy it again');
      done += count;
    }
    return bytes;
  }

  /** A floating-point tensor as float32. */
  floats(name: string): Float32Array {
    const { dtype } = this.info(name);
    const bytes = this.bytes(name);
    switch (dtype) {
      case 'F32':
        return new Float32Array(bytes.buffer);
      case 'F64':
        return Float32Array.from(new Float64Array(bytes.buffer));
      case 'F16':
        return Float32Array.from(new Uint16Array(bytes.buffer), halfToFloat);
      case 'BF16':
        return Float32Array.from(new Uint16Array(bytes.buffer), bfloatToFloat);
      default:
        throw new TruecastError(`tensor ${name} in ${this.path} is ${dtype}, expected a floating-point type`);
    }
  }

  /** An int32 tensor. */
  ints(name: string): Int32Array {
    const { dtype } = this.info(name);
    if (dtype !== 'I32') throw new TruecastError(`tensor ${name} in ${this.path} is ${dtype}, expected I32`);
    return new Int32Array(this.bytes(name).buffer);
  }
}

function readHeader(path: string, fd: number): [Map<string, TensorInfo>, Record<string, string>] {
  const damaged = (what: string) =>
    new TruecastError(`not a safetensors file: ${path}: ${what}`, 'copy it again');
  const { size } = fstatSync(fd);
  const prefix = Buffer.alloc(8);
  if (size < 8 || readSync(fd, prefix, 0, 8, 0) < 8) throw damaged(`it has only ${size} bytes`);
  const length = Number(prefix.readBigUInt64LE());
  if (length > Math.min(size - 8, LARGEST_HEADER)) {
    throw damaged(`its header claims ${length} bytes, the file has ${size}`);
  }
  const text = Buffer.alloc(length);
  readSync(fd, text, 0, length, 8);
  let header: unknown;
  try {
    header = JSON.parse(text.toString('utf8'));
  } catch (error) {
    throw damaged(`its header is not JSON: ${messageOf(error)}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw damaged('its header is no object');
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header as Record<string, unknown>)) {
    if (name === '__metadata__') metadata = entry as Record<string, string>;
    else tensors.set(name, checkEntry(name, entry, 8 + length, size, damaged));
  }
  let last: [name: string, info: TensorInfo] | undefined;
  for (const entry of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (last && entry[1].begin < last[1].end) throw damaged(`tensors ${last[0]} and ${entry[0]} overlap`);
    last = entry;
  }
  return [tensors, metadata];
}

function checkEntry(
  name: string,
  entry: unknown,
  base: number,
  size: number,
  damaged: (what: string) => TruecastError,
): TensorInfo {
  const { dtype, shape, data_offsets: range } = (entry ?? {}) as Record<string, unknown>;
  const whole = (n: unknown) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    throw damaged(`tensor ${name} has the unknown type ${JSON.stringify(dtype)}`);
  }
  if (!Array.isArray(shape) || !shape.every(whole)) throw damaged(`tensor ${name} has no proper shape`);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(whole) || range[0] > range[1]) {
    throw damaged(`tensor ${name} has no proper data_offsets`);
  }
  const bytes = shape.reduce((product: number, n: number) => product * n, BYTES[dtype as SafetensorsDtype]);
  if (range[1] - range[0] !== bytes) {
    throw damaged(`tensor ${name}, ${dtype} [${shape}], wants ${bytes} bytes and has ${range[1] - range[0]}`);
  }
  if (base + range[1] > size)
    throw damaged(`tensor ${name} ends at byte ${base + range[1]}, the file at ${size}`);
  return { dtype: dtype as SafetensorsDtype, shape, begin: base + range[0], end: base + range[1] };
}

export type TensorToWrite =
  | { dtype: 'F32'; shape: readonly number[]; data: Float32Array }
  | { dtype: 'BF16'; shape: readonly number[]; data: Float32Array }
  | { dtype: 'I32'; shape: readonly number[]; data: Int32Array }
  | { dtype: 'U8'; shape: readonly number[]; data: Uint8Array };

/** Writes a safetensors file, tensors in the order given; the same input gives the same bytes. */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, tensor: TensorToWrite]>,
  metadata: Record<string, string> = { format: 'pt' },
): void {
  const entries = [...tensors];
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    const bytes = data.length * BYTES[dtype];
    header[name] = { dtype, shape: [...shape], data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  let text = Buffer.from(JSON.stringify(header), 'utf8');
  // the data begins at a multiple of 8 bytes
  text = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  writeAtomic(path, (fd) => {
    for (const part of [prefix, text]) writeAll(fd, part);
    for (const [, tensor] of entries) writeAll(fd, tensorBytes(tensor));
  });
}

function tensorBytes({ dtype, data }: TensorToWrite): Uint8Array {
  if (dtype === 'BF16') return new Uint8Array(Uint16Array.from(data, floatToBfloat).buffer);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
}
