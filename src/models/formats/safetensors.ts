import { messageOf, TruecastError } from '../../support/errors.js';
import { BYTES, type Dtype, hasFloats, isDtype, WeightBytes } from './bytes.js';
import type { StoredTensor, TensorFile } from './tensorFile.js';

export { type TensorToWrite, writeSafetensors } from './safetensorsWriter.js';

/**
 * The safetensors format: 8 bytes of header length, a JSON header (name → dtype, shape, byte range), then
 * the tensors' bytes. Tensors are read one by one; what the header claims is checked against the file first.
 */

export interface TensorInfo extends StoredTensor {
  dtype: Dtype;
  shape: number[];
  /** Byte range in the file. */
  begin: number;
  end: number;
}

const LARGEST_HEADER = 100 * 2 ** 20;

export class SafetensorsFile implements TensorFile {
  private constructor(
    private readonly file: WeightBytes,
    readonly tensors: ReadonlyMap<string, TensorInfo>,
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** Opens a file and checks its header. Throws TruecastError that names the file and the tensor. */
  static open(path: string): SafetensorsFile {
    const file = WeightBytes.open(path);
    try {
      return new SafetensorsFile(file, ...readHeader(file));
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

  info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (!info) throw new TruecastError(`no tensor ${name} in ${this.path}`);
    return info;
  }

  /** The raw bytes of a tensor, in a buffer of its own. */
  bytes(name: string): Uint8Array<ArrayBuffer> {
    const { begin, end } = this.info(name);
    const bytes = new Uint8Array(end - begin);
    this.file.read(begin, bytes, `tensor ${name}`);
    return bytes;
  }

  /** A floating-point tensor as float32. */
  floats(name: string): Float32Array {
    const { dtype, begin, end } = this.info(name);
    const values = new Float32Array((end - begin) / BYTES[dtype]);
    this.floatsInto(name, values, 0);
    return values;
  }

  /** A floating-point tensor from element `first` on as float32. */
  floatsInto(name: string, into: Float32Array, first: number): void {
    const { dtype, begin, end } = this.info(name);
    const what = `tensor ${name}`;
    if (!hasFloats(dtype))
      throw new TruecastError(
        `${what} in ${this.path} is ${dtype}, expected a floating-point type`,
        'use weights in F32, F16, BF16 or F64',
      );
    const from = begin + first * BYTES[dtype];
    if (from + into.length * BYTES[dtype] > end) throw new Error(`${what} does not have as many elements`);
    this.file.readFloats(from, dtype, into, what);
  }

  /** An int32 tensor. */
  ints(name: string): Int32Array {
    const { dtype } = this.info(name);
    if (dtype !== 'I32') throw new TruecastError(`tensor ${name} in ${this.path} is ${dtype}, expected I32`);
    return new Int32Array(this.bytes(name).buffer);
  }
}

function readHeader(file: WeightBytes): [Map<string, TensorInfo>, Record<string, string>] {
  const { path, size } = file;
  const damaged = (what: string) =>
    new TruecastError(`not a safetensors file: ${path}: ${what}`, 'copy it again');
  if (size < 8) throw damaged(`it has only ${size} bytes`);
  const prefix = Buffer.alloc(8);
  file.read(0, prefix, 'its header');
  const length = Number(prefix.readBigUInt64LE());
  if (length > Math.min(size - 8, LARGEST_HEADER)) {
    throw damaged(`its header claims ${length} bytes, the file has ${size}`);
  }
  const text = Buffer.alloc(length);
  file.read(8, text, 'its header');
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
    if (name === '__metadata__') {
      if (!isTexts(entry)) throw damaged('its __metadata__ does not map texts to texts');
      metadata = entry;
    } else tensors.set(name, checkEntry(name, entry, 8 + length, size, damaged));
  }
  let last: [name: string, info: TensorInfo] | undefined;
  for (const entry of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (last && entry[1].begin < last[1].end) throw damaged(`tensors ${last[0]} and ${entry[0]} overlap`);
    last = entry;
  }
  return [tensors, metadata];
}

function isTexts(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text) => typeof text === 'string')
  );
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
  if (!isDtype(dtype)) {
    throw damaged(`tensor ${name} has the unknown type ${JSON.stringify(dtype)}`);
  }
  if (!Array.isArray(shape) || !shape.every(whole)) throw damaged(`tensor ${name} has no proper shape`);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(whole) || range[0] > range[1]) {
    throw damaged(`tensor ${name} has no proper data_offsets`);
  }
  const bytes = shape.reduce((product: number, n: number) => product * n, BYTES[dtype]);
  if (range[1] - range[0] !== bytes) {
    throw damaged(`tensor ${name}, ${dtype} [${shape}], wants ${bytes} bytes and has ${range[1] - range[0]}`);
  }
  if (base + range[1] > size)
    throw damaged(`tensor ${name} ends at byte ${base + range[1]}, the file at ${size}`);
  return { dtype, shape, begin: base + range[0], end: base + range[1] };
}
