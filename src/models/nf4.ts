import * as tf from '../backends/tf.js';
import { NESTED_BLOCK, NF4_BLOCK, NF4_CODES, type Nf4Tensors } from '../ops/nf4.js';
import { nestedCode } from './nestedCode.js';

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

/** Quantises a row-major matrix as bitsandbytes' CPU kernel does: same codes, same absmax. */
export function quantizeNf4(values: Float32Array, shape: [number, number]): Nf4Matrix {
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  const absmax = new Float32Array(Math.ceil(values.length / NF4_BLOCK));
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const absmaxBits = new Int32Array(absmax.buffer);
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * NF4_BLOCK;
    const end = Math.min(begin + NF4_BLOCK, values.length);
    // the largest magnitude by its bits, among which NaN is above infinity and so stays
    let largestBits = 0;
    for (let i = begin; i < end; i++) {
      const magnitude = bits[i]! & 0x7fffffff;
      if (magnitude > largestBits) largestBits = magnitude;
    }
    absmaxBits[block] = largestBits;
    const largest = absmax[block]!;
    const whole = end - begin === NF4_BLOCK;
    const reciprocal = Math.fround(1 / largest);
    if (whole && reciprocal > 0 && reciprocal < Number.POSITIVE_INFINITY) {
      for (let i = begin; i < end; i += 2) {
        const high = nearestCode(Math.fround(values[i]! * reciprocal));
        packed[i >> 1] = (high << 4) | nearestCode(Math.fround(values[i + 1]! * reciprocal));
      }
      continue;
    }
    for (let i = begin; i < end; i++) {
      const value = largest === 0 ? 0 : scaled(values[i]!, largest, whole);
      packed[i >> 1]! |= anyCode(value) << (i & 1 ? 0 : 4);
    }
  }
  // an odd length leaves half a byte: the code of zero
  if (values.length & 1) packed[packed.length - 1]! |= nearestCode(0);
  return { shape, packed, absmax };
}

/** As nearestCode, for infinities and NaN too. */
function anyCode(value: number): number {
  return Number.isNaN(value) ? 0 : nearestCode(Math.min(1, Math.max(-1, value)));
}

/** Whole blocks multiply by the reciprocal, a partial last block divides, as the reference rounds. */
function scaled(value: number, largest: number, whole: boolean): number {
  return Math.fround(whole ? value * Math.fround(1 / largest) : value / largest);
}

/** The second quantisation of the scales: 8 bits each by the dynamic map, in blocks of 256, less their mean. */
export interface NestedScales {
  codes: Uint8Array;
  absmax: Float32Array;
  offset: number;
}

/** As bitsandbytes does it: a block of equal scales is 0/0 throughout, which gives code 0. */
export function quantizeScales(absmax: Float32Array): NestedScales {
  const offset = mean(absmax);
  const codes = new Uint8Array(absmax.length);
  const nested = new Float32Array(Math.ceil(absmax.length / NESTED_BLOCK));
  for (let block = 0; block < nested.length; block++) {
    const begin = block * NESTED_BLOCK;
    const centred = absmax.slice(begin, begin + NESTED_BLOCK).map((value) => value - offset);
    const largest = centred.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    nested[block] = largest;
    centred.forEach((value, i) => {
      codes[begin + i] = nearestNestedCode(scaled(value, largest, centred.length === NESTED_BLOCK));
    });
  }
  return { codes, absmax: nested, offset };
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return Math.fround(sum / values.length);
}

/** Index of the map's nearest entry, the lower one on a tie; the search takes the lowest entry as −1. */
function nearestNestedCode(value: number): number {
  const map = nestedCode();
  let low = 0;
  let high = map.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (value >= map[middle]!) low = middle;
    else high = middle - 1;
  }
  if (low === map.length - 1) return low;
  const left = Math.abs(Math.fround(value - (low === 0 ? -1 : map[low]!)));
  const right = Math.abs(Math.fround(value - map[low + 1]!));
  return right < left ? low + 1 : low;
}

/** Moves a quantised matrix to the device, with its scales as they are or quantised once more. */
export function nf4ToDevice(matrix: Nf4Matrix, nested?: NestedScales): Nf4Tensors {
  const packed = wordsTensor(matrix.packed);
  if (!nested) return { packed, absmax: tf.tensor1d(matrix.absmax) };
  return {
    packed,
    absmaxPacked: wordsTensor(nested.codes),
    nestedCode: tf.tensor1d(nestedCode()),
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

/** Bytes that a quantised matrix takes on the device. */
export function nf4Bytes(tensors: Nf4Tensors): number {
  return Object.values(tensors).reduce((sum, tensor) => sum + tensor.size * 4, 0);
}
