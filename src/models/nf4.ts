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

function nearestCode(value: number): number {
  let low = 0;
  let high = MIDPOINTS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > MIDPOINTS[middle]!) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Quantises a row-major matrix as bitsandbytes' CPU kernel does: same codes, same absmax. */
export function quantizeNf4(values: Float32Array, shape: [number, number]): Nf4Matrix {
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  const absmax = new Float32Array(Math.ceil(values.length / NF4_BLOCK));
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * NF4_BLOCK;
    const end = Math.min(begin + NF4_BLOCK, values.length);
    let largest = 0;
    for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]!));
    absmax[block] = largest;
    const inverse = largest > 0 ? Math.fround(1 / largest) : 0;
    const whole = end - begin === NF4_BLOCK;
    for (let i = begin; i < end; i++) {
      // a partial last block divides, a whole one multiplies by the reciprocal, as the reference does
      const scaled =
        whole || largest === 0 ? Math.fround(values[i]! * inverse) : Math.fround(values[i]! / largest);
      packed[i >> 1]! |= nearestCode(scaled) << (i & 1 ? 0 : 4);
    }
  }
  // an odd length leaves half a byte: the code of zero
  if (values.length & 1) packed[packed.length - 1]! |= nearestCode(0);
  return { shape, packed, absmax };
}

/** The second quantisation of the scales: 8 bits each by the dynamic map, in blocks of 256, less their mean. */
export interface NestedScales {
  codes: Uint8Array;
  absmax: Float32Array;
  offset: number;
}

export function quantizeScales(absmax: Float32Array): NestedScales {
  const offset = mean(absmax);
  const codes = new Uint8Array(absmax.length);
  const nested = new Float32Array(Math.ceil(absmax.length / NESTED_BLOCK));
  const map = nestedCode();
  for (let block = 0; block < nested.length; block++) {
    const begin = block * NESTED_BLOCK;
    const end = Math.min(begin + NESTED_BLOCK, absmax.length);
    let largest = 0;
    for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(Math.fround(absmax[i]! - offset)));
    nested[block] = largest;
    const whole = end - begin === NESTED_BLOCK;
    const inverse = largest > 0 ? Math.fround(1 / largest) : 0;
    for (let i = begin; i < end; i++) {
      const centred = Math.fround(absmax[i]! - offset);
      const scaled = whole || largest === 0 ? Math.fround(centred * inverse) : Math.fround(centred / largest);
      codes[i] = nearestInMap(map, scaled);
    }
  }
  return { codes, absmax: nested, offset };
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return Math.fround(sum / values.length);
}

/** Index of the map's nearest entry, the lower one on a tie. */
function nearestInMap(map: Float32Array, value: number): number {
  let low = 0;
  let high = map.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > Math.fround((map[middle]! + map[middle + 1]!) / 2)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Moves a quantised matrix to the device, its scales quantised once more with `doubleQuant`. */
export function nf4ToDevice(matrix: Nf4Matrix, doubleQuant: boolean): Nf4Tensors {
  const packed = wordsTensor(matrix.packed);
  if (!doubleQuant) return { packed, absmax: tf.tensor1d(matrix.absmax) };
  const nested = quantizeScales(matrix.absmax);
  return {
    packed,
    absmaxPacked: wordsTensor(nested.codes),
    nestedCode: tf.tensor1d(nestedCode()),
    nestedAbsmax: tf.tensor1d(nested.absmax),
    nestedOffset: tf.scalar(nested.offset),
  };
}

/** Bytes as int32 words, four each, little-endian: tfjs knows no byte tensors. */
function wordsTensor(bytes: Uint8Array): tf.Tensor {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return tf.tensor1d(words, 'int32');
}

/** Bytes that a quantised matrix takes on the device. */
export function nf4Bytes(tensors: Nf4Tensors): number {
  return Object.values(tensors).reduce((sum, tensor) => sum + tensor.size * 4, 0);
}
