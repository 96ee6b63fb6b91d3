import * as tf from '../backends/tf.js';
import { NESTED_BLOCK, NF4_BLOCK, NF4_CODES, type Nf4Tensors } from '../ops/nf4.js';
import { TruecastError } from '../support/errors.js';
import { nestedCode, nestedIndex } from './nestedCode.js';
import { torchSum } from './torchSum.js';

/** How a decoder's linear layers are held: as floats, in NF4, in NF4 with its scales quantised once more. */
export const QUANTIZATIONS = ['none', 'nf4', 'nf4-double'] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];

/** A weight matrix in NF4 on the host: bitsandbytes' bytes and scales. */
export interface Nf4Matrix {
  shape: [out: number, inputs: number];
  /** Two codes a byte, row-major, the first in the high half. */
  packed: Uint8Array;
  /** One scale per block of 64. */
  absmax: Float32Array;
}

/** Code of the midpoint rule: how many midpoints lie below the value, exact ties going to the lower code. */
const MIDPOINTS = NF4_CODES.slice(1).map((code, i) => Math.fround((code + NF4_CODES[i]!) / 2));

/**
 * [−1, 1] in cells that hold one midpoint at most, and few hold any: a value's code is its cell's, or the next where
 * it lies above the midpoint after it. Half a cell of room on either side, as a block's largest is scaled to 1 ± ulp.
 */
const CELLS_PER_UNIT = 1024;
const cellOf = (value: number) => (value * CELLS_PER_UNIT + (CELLS_PER_UNIT + 0.5)) | 0;
const CELL_CODES = Uint8Array.from(
  { length: 2 * CELLS_PER_UNIT + 2 },
  (_, cell) => MIDPOINTS.filter((midpoint) => cellOf(midpoint) < cell).length,
);
const ABOVE = Float64Array.from([...MIDPOINTS, Number.POSITIVE_INFINITY]);

function nearestCode(value: number): number {
  const code = CELL_CODES[cellOf(value)]!;
  return value > ABOVE[code]! ? code + 1 : code;
}

/** bitsandbytes divides by no less than this. */
const SMALLEST_SCALE = Math.fround(1e-38);

/**
 * Quantises a row-major matrix as bitsandbytes does on a CPU: same codes, same absmax.
 *
 * @param name of the weight, for the error where a value is infinite or not a number
 */
export function quantizeNf4(values: Float32Array, shape: [number, number], name = 'a weight'): Nf4Matrix {
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  const absmax = new Float32Array(Math.ceil(values.length / NF4_BLOCK));
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const absmaxBits = new Int32Array(absmax.buffer);
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * NF4_BLOCK;
    const end = Math.min(begin + NF4_BLOCK, values.length);
    // the largest magnitude by its bits, among which NaN is above infinity
    let largestBits = 0;
    for (let i = begin; i < end; i++) {
      const magnitude = bits[i]! & 0x7fffffff;
      if (magnitude > largestBits) largestBits = magnitude;
    }
    absmaxBits[block] = largestBits;
    const largest = absmax[block]!;
    if (!Number.isFinite(largest)) throw notFinite(name, values.subarray(begin, end), begin);
    const scale = Math.max(largest, SMALLEST_SCALE);
    if (end - begin === NF4_BLOCK) {
      const reciprocal = Math.fround(1 / scale);
      for (let i = begin; i < end; i += 2) {
        const high = nearestCode(Math.fround(values[i]! * reciprocal));
        packed[i >> 1] = (high << 4) | nearestCode(Math.fround(values[i + 1]! * reciprocal));
      }
      continue;
    }
    // a partial last block divides, and keeps the bound itself as its scale
    absmax[block] = scale;
    for (let i = begin; i < end; i++)
      packed[i >> 1]! |= nearestCode(Math.fround(values[i]! / scale)) << (i & 1 ? 0 : 4);
  }
  // an odd length leaves half a byte: the code of zero
  if (values.length & 1) packed[packed.length - 1]! |= nearestCode(0);
  return { shape, packed, absmax };
}

function notFinite(name: string, block: Float32Array, begin: number): TruecastError {
  const at = block.findIndex((value) => !Number.isFinite(value));
  return new TruecastError(
    `${name} cannot be quantised: value ${begin + at} is ${block[at]}`,
    'use weights that are finite',
  );
}

/** Whole blocks multiply by the reciprocal, a partial last block divides, as the reference rounds. */
function scaled(value: number, largest: number, whole: boolean): number {
  return Math.fround(whole ? value * Math.fround(1 / largest) : value / largest);
}

/** The second quantisation of the scales: 8 bits each by the dynamic map, in blocks of 256, less their mean. */
export interface NestedScales {
  /** Indices into `map`. */
  codes: Uint8Array;
  map: Float32Array;
  /** One scale per block of 256 codes. */
  absmax: Float32Array;
  offset: number;
}

/** As bitsandbytes does it on a CPU: a block of scales that all equal the mean gets code 0. */
export function quantizeScales(absmax: Float32Array): NestedScales {
  const offset = Math.fround(torchSum(absmax) / absmax.length);
  const codes = new Uint8Array(absmax.length);
  const nested = new Float32Array(Math.ceil(absmax.length / NESTED_BLOCK));
  for (let block = 0; block < nested.length; block++) {
    const begin = block * NESTED_BLOCK;
    const centred = absmax.slice(begin, begin + NESTED_BLOCK).map((value) => value - offset);
    const largest = centred.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    nested[block] = largest;
    if (largest === 0) continue;
    centred.forEach((value, i) => {
      codes[begin + i] = nestedIndex(scaled(value, largest, centred.length === NESTED_BLOCK));
    });
  }
  return { codes, map: nestedCode(), absmax: nested, offset };
}

/** Moves a quantised matrix to the device, with its scales as they are or quantised once more. */
export function nf4ToDevice(matrix: Nf4Matrix, nested?: NestedScales): Nf4Tensors {
  const packed = wordsTensor(matrix.packed);
  if (!nested) return { packed, absmax: tf.tensor1d(matrix.absmax) };
  return {
    packed,
    absmaxPacked: wordsTensor(nested.codes),
    nestedCode: tf.tensor1d(nested.map),
    nestedAbsmax: tf.tensor1d(nested.absmax),
    nestedOffset: tf.scalar(nested.offset),
  };
}

/** Bytes as int32 words, four each, little-endian: tfjs knows no byte tensors. It may share the bytes' memory. */
function wordsTensor(bytes: Uint8Array): tf.Tensor {
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0)
    return tf.tensor1d(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), 'int32');
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return tf.tensor1d(words, 'int32');
}

/** The first `count` bytes of a tensor of words. */
export function wordsBytes(words: tf.Tensor, count: number): Uint8Array {
  const { buffer, byteOffset } = words.dataSync() as Int32Array;
  return new Uint8Array(buffer, byteOffset, count);
}

/** Bytes that a quantised matrix takes on the device. */
export function nf4Bytes(tensors: Nf4Tensors): number {
  return Object.values(tensors).reduce((sum, tensor) => sum + tensor.size * 4, 0);
}
