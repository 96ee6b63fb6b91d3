import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf, systemError, TruecastError } from '../../support/errors.js';
import { bfloatsToFloats, halvesToFloats } from './floats.js';

/** Bytes of an element, by safetensors' names of the types. */
export const BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type Dtype = keyof typeof BYTES;

export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(BYTES, name);
}

/** A multiple of every element's size, small enough to stay in a processor's cache. */
const CHUNK = 2 ** 20;

/** A file of weights that is read here and there. */
export class WeightBytes {
  private chunk?: Uint8Array<ArrayBuffer>;

  private constructor(
    readonly path: string,
    private readonly fd: number,
    readonly size: number,
  ) {}

  /** @throws TruecastError that names the file */
  static open(path: string): WeightBytes {
    let fd: number | undefined;
    try {
      fd = openSync(path, 'r');
      const status = fstatSync(fd);
      if (!status.isFile()) throw new Error('it is no file');
      return new WeightBytes(path, fd, status.size);
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throw new TruecastError(`weights cannot be opened: ${path}: ${messageOf(error)}`, 'check the path');
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Fills `into` from `begin` on. `what` is being read, for messages. */
  read(begin: number, into: Uint8Array, what: string): void {
    let done = 0;
    while (done < into.length) {
      let count: number;
      try {
        count = readSync(this.fd, into, done, into.length - done, begin + done);
      } catch (error) {
        throw systemError(error, `cannot read ${what} in ${this.path}`) ?? error;
      }
      if (count === 0) throw new TruecastError(`${this.path} ends within ${what}`, 'copy it again');
      done += count;
    }
  }

  /** Fills `into` with floating-point numbers from `begin` on, through a small buffer. */
  readFloats(begin: number, dtype: FloatDtype, into: Float32Array, what: string): void {
    if (dtype === 'F32') {
      this.read(begin, new Uint8Array(into.buffer, into.byteOffset, into.byteLength), what);
      return;
    }
    this.chunk ??= new Uint8Array(CHUNK);
    const step = CHUNK / BYTES[dtype];
    for (let first = 0; first < into.length; first += step) {
      const part = into.subarray(first, first + step);
      const bytes = this.chunk.subarray(0, part.length * BYTES[dtype]);
      this.read(begin + first * BYTES[dtype], bytes, what);
      decodeFloats(bytes, dtype, part);
    }
  }
}

export type FloatDtype = 'F64' | 'F32' | 'F16' | 'BF16';

export function hasFloats(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Little-endian floating-point numbers, which begin where their size allows, to float32. */
export function decodeFloats(bytes: Uint8Array, dtype: FloatDtype, into: Float32Array): void {
  const { buffer, byteOffset } = bytes;
  const length = into.length;
  if (dtype === 'F64') into.set(new Float64Array(buffer, byteOffset, length));
  else if (dtype === 'F32') into.set(new Float32Array(buffer, byteOffset, length));
  else if (dtype === 'F16') halvesToFloats(new Uint16Array(buffer, byteOffset, length), into);
  else bfloatsToFloats(new Uint16Array(buffer, byteOffset, length), into);
}
