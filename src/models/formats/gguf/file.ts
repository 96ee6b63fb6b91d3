import { TruecastError } from '../../../support/errors.js';
import { WeightBytes } from '../bytes.js';
import type { StoredTensor, TensorFile } from '../tensorFile.js';
import { Cursor } from './cursor.js';
import { DECODERS } from './dequantize.js';
import { readHeader } from './header.js';
import type { GgmlType } from './types.js';
import type { GgufValue } from './values.js';

export interface GgufTensor extends StoredTensor {
  /** Row-major, as everywhere here: the reverse of the file's order. */
  readonly shape: readonly number[];
  readonly type: GgmlType;
  /** Byte range in the file. */
  readonly begin: number;
  readonly end: number;
}

/** Bytes of quantised values that are in memory at a time. */
const CHUNK = 2 ** 22;

/**
 * A GGUF file, version 3, little-endian: metadata and tensors under the names that the file gives them
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 */
export class GgufFile implements TensorFile {
  private constructor(
    private readonly file: WeightBytes,
    readonly metadata: ReadonlyMap<string, GgufValue>,
    readonly tensors: ReadonlyMap<string, GgufTensor>,
  ) {}

  /** Opens a file and checks its header. @throws TruecastError that names the file and the key, tensor or byte */
  static open(path: string): GgufFile {
    const file = WeightBytes.open(path);
    try {
      const { metadata, tensors } = readHeader(new Cursor(file));
      return new GgufFile(file, metadata, tensors);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get path(): string {
    return this.file.path;
  }

  close(): void {
    this.file.close();
  }

  bytes(name: string): Uint8Array {
    const { begin, end } = this.info(name);
    const bytes = new Uint8Array(end - begin);
    this.file.read(begin, bytes, `tensor ${name}`);
    return bytes;
  }

  /** @throws TruecastError for types that cannot be dequantised */
  floats(name: string): Float32Array {
    const values = new Float32Array(sizeOf(this.info(name)));
    this.floatsInto(name, values, 0);
    return values;
  }

  /**
   * As floats, from element `first` on and as many as `into` holds.
   *
   * @throws TruecastError for types that cannot be dequantised
   */
  floatsInto(name: string, into: Float32Array, first: number): void {
    const { type, begin, ...tensor } = this.info(name);
    const last = first + into.length;
    if (last > sizeOf(tensor)) throw new Error(`tensor ${name} has no element ${last - 1}`);
    const decode = this.decoder(name);
    if (decode === undefined) {
      const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
      this.file.read(begin + first * type.bytes, bytes, `tensor ${name}`);
      return;
    }
    const most = Math.floor(CHUNK / type.bytes);
    const end = Math.ceil(last / type.block);
    for (let block = Math.floor(first / type.block); block < end; block += most) {
      const blocks = Math.min(most, end - block);
      const bytes = new Uint8Array(blocks * type.bytes);
      this.file.read(begin + block * type.bytes, bytes, `tensor ${name}`);
      const at = block * type.block;
      const whole = at >= first && at + blocks * type.block <= last;
      if (whole) {
        decode(bytes, blocks, into, at - first);
        continue;
      }
      // the part begins or ends within a block
      const values = new Float32Array(blocks * type.block);
      decode(bytes, blocks, values, 0);
      const wanted = values.subarray(Math.max(0, first - at), last - at);
      into.set(wanted, Math.max(0, at - first));
    }
  }

  /** Throws where a tensor's type cannot be dequantised. */
  expectReadable(name: string): void {
    this.decoder(name);
  }

  private decoder(name: string) {
    const { dtype } = this.info(name);
    if (dtype !== 'F32' && !Object.hasOwn(DECODERS, dtype)) {
      throw new TruecastError(
        `tensor ${name} in ${this.path} is ${dtype}, which cannot be read`,
        `use a file in ${['F32', ...Object.keys(DECODERS)].join(', ')} (Q4_K_M, for instance)`,
      );
    }
    return DECODERS[dtype];
  }

  private info(name: string): GgufTensor {
    const info = this.tensors.get(name);
    if (!info) throw new TruecastError(`no tensor ${name} in ${this.path}`);
    return info;
  }
}

function sizeOf({ shape }: StoredTensor): number {
  return shape.reduce((product, n) => product * n, 1);
}
