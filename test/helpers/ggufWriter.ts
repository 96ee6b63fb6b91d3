import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A metadata value with the format's name of its type. */
export type Typed =
  | ['u8' | 'u32' | 'i32' | 'f32' | 'bool', number]
  | ['u64', number | bigint]
  | ['string', string]
  | ['array', Kind, readonly unknown[]]
  | ['raw', number, Uint8Array];

const CODES = { u8: 0, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10 } as const;
type Kind = keyof typeof CODES;

export interface TestTensor {
  name: string;
  /** In the file's order: the innermost dimension first. */
  dimensions: (number | bigint)[];
  type: number;
  data: Uint8Array;
  /** Where its data is said to be; left out: where it is. */
  offset?: number | bigint;
}

export interface TestGguf {
  magic?: string;
  version?: number;
  /** Claimed counts; left out: the true ones. */
  entryCount?: bigint;
  tensorCount?: bigint;
  metadata?: [key: string, value: Typed][];
  tensors?: TestTensor[];
  alignment?: number;
}

const u32 = (n: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
};
const u64 = (n: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(n));
  return bytes;
};
const string = (text: string) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);

function payload(type: Kind, value: unknown): Buffer {
  switch (type) {
    case 'u8':
    case 'bool':
      return Buffer.from([value as number]);
    case 'u32':
      return u32(value as number);
    case 'i32':
    case 'f32': {
      const bytes = Buffer.alloc(4);
      if (type === 'i32') bytes.writeInt32LE(value as number);
      else bytes.writeFloatLE(value as number);
      return bytes;
    }
    case 'u64':
      return u64(value as number);
    case 'string':
      return string(value as string);
    default: {
      const [, element, values] = value as ['array', Kind, unknown[]];
      return Buffer.concat([
        u32(CODES[element]),
        u64(values.length),
        ...values.map((v) => payload(element, v)),
      ]);
    }
  }
}

function entry(key: string, value: Typed): Buffer {
  if (value[0] === 'raw') return Buffer.concat([string(key), u32(value[1]), value[2]]);
  const body = payload(value[0], value[0] === 'array' ? value : value[1]);
  return Buffer.concat([string(key), u32(CODES[value[0]]), body]);
}

/** The bytes of a GGUF file, as right or as wrong as they are asked for. */
export function ggufBytes(file: TestGguf): Buffer {
  const { metadata = [], tensors = [], alignment = 32 } = file;
  const padded = (bytes: Uint8Array) =>
    Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)]);
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const at = offset;
    offset += padded(tensor.data).length;
    const { name, dimensions, type } = tensor;
    const place = u64(tensor.offset ?? at);
    return Buffer.concat([string(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), place]);
  });
  const head = Buffer.concat([
    Buffer.from(file.magic ?? 'GGUF', 'latin1'),
    u32(file.version ?? 3),
    u64(file.tensorCount ?? tensors.length),
    u64(file.entryCount ?? metadata.length),
    ...metadata.map(([key, value]) => entry(key, value)),
    ...infos,
  ]);
  return Buffer.concat([padded(head), ...tensors.map(({ data }) => padded(data))]);
}

export function writeGguf(folder: string, file: TestGguf | Uint8Array, name = 'model.gguf'): string {
  const path = join(folder, name);
  writeFileSync(path, file instanceof Uint8Array ? file : ggufBytes(file));
  return path;
}

/** A float32 tensor, its shape row-major. */
export function f32(name: string, shape: number[], values: ArrayLike<number>): TestTensor {
  const floats = Float32Array.from(values);
  return { name, dimensions: [...shape].reverse(), type: 0, data: new Uint8Array(floats.buffer) };
}
