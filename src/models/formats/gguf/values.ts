import type { Cursor } from './cursor.js';

/** A metadata value; 64-bit integers beyond 2⁵³ stay bigint. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

const narrow = (value: bigint): number | bigint =>
  BigInt.asIntN(54, value) === value ? Number(value) : value;

interface Scalar {
  size: number;
  read(bytes: Buffer): number | bigint;
}

/** By the format's number of the type: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const SCALARS: ReadonlyMap<number, Scalar> = new Map([
  [0, { size: 1, read: (b: Buffer) => b.readUInt8() }],
  [1, { size: 1, read: (b: Buffer) => b.readInt8() }],
  [2, { size: 2, read: (b: Buffer) => b.readUInt16LE() }],
  [3, { size: 2, read: (b: Buffer) => b.readInt16LE() }],
  [4, { size: 4, read: (b: Buffer) => b.readUInt32LE() }],
  [5, { size: 4, read: (b: Buffer) => b.readInt32LE() }],
  [6, { size: 4, read: (b: Buffer) => b.readFloatLE() }],
  [10, { size: 8, read: (b: Buffer) => narrow(b.readBigUInt64LE()) }],
  [11, { size: 8, read: (b: Buffer) => narrow(b.readBigInt64LE()) }],
  [12, { size: 8, read: (b: Buffer) => b.readDoubleLE() }],
]);
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

/** Bytes that the smallest value of a type takes. */
const smallest = (type: number) =>
  SCALARS.get(type)?.size ?? { [BOOL]: 1, [STRING]: 8, [ARRAY]: 12 }[type] ?? 1;

/** Nobody writes arrays of arrays of arrays. */
const DEEPEST = 2;

/** Reads a value of the type with this number. @throws TruecastError that names `key` */
export function readValue(cursor: Cursor, type: number, key: string, depth = 0): GgufValue {
  const scalar = SCALARS.get(type);
  if (scalar) return scalar.read(cursor.take(scalar.size, key));
  switch (type) {
    case BOOL: {
      const value = cursor.take(1, key)[0]!;
      if (value > 1) throw cursor.damaged(`${key} is a truth value and ${value}`);
      return value === 1;
    }
    case STRING:
      return cursor.string(key);
    case ARRAY: {
      if (depth === DEEPEST) throw cursor.damaged(`${key} nests arrays too deeply`);
      const element = cursor.u32(`the type of ${key}`);
      const count = cursor.length(`the length of ${key}`);
      cursor.expectRoom(count, smallest(element), key);
      const values: GgufValue[] = [];
      for (let i = 0; i < count; i++) values.push(readValue(cursor, element, key, depth + 1));
      return values;
    }
    default:
      throw cursor.damaged(`${key} has the unknown type ${type}`);
  }
}
