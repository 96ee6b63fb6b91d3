import * as tf from '../backends/tf.js';
import { NESTED_BLOCK, NF4_BLOCK, NF4_CODES, type Nf4Tensors } from '../ops/nf4.js';
import { TruecastError } from '../support/errors.js';
import { nestedCode, nestedIndex } from './nestedCode.js';
import { torchSum } from './torchSum.js';

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
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * NF4_BLOCK;
    const end = Math.min(begin + NF4_BLOCK, values.length);
    let largest = 0;
    for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]!));
    if (!Number.isFinite(largest)) throw notFinite(name, values.subarray(begin, end), begin);
    const whole = end - begin === NF4_BLOCK;
    const scale = Math.max(largest, SMALLEST_SCALE);
    // a partial last block keeps the bound itself as its scale
    absmax[block] = whole ? largest : scale;
    for (let i = begin; i < end; i++)
      packed[i >> 1]! |= nearestCode(scaled(values[i]!, scale, whole)) << (i & 1 ? 0 : 4);
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

/** Bytes as int32 words, four each, little-endian: tfjs knows no byte tensors. */
function wordsTensor(bytes: Uint8Array): tf.Tensor {
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
