import * as tf from '../backends/tf.js';

/**
 * The 4-bit NormalFloat code book (Dettmers et al. 2023): 16 quantiles of a standard normal distribution,
 * scaled to [−1, 1], with an exact zero. The figures are bitsandbytes' own, so that packed weights agree.
 */
export const NF4_CODES = Float32Array.from([
  -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]);

/** Weights in one absmax block. */
export const NF4_BLOCK = 64;
/** Absmax values in one block of the second quantisation. */
export const NESTED_BLOCK = 256;

/** A weight matrix [out, in] in NF4, on the device. */
export type Nf4Tensors = {
  /**
   * int32 [⌈out·in / 8⌉]: eight codes a word. As bytes (little-endian) it is bitsandbytes' packing: row-major,
   * two codes a byte, the first in the high half.
   */
  packed: tf.Tensor;
  /** float32 [blocks], the scale of each block; absent with double quantisation */
  absmax?: tf.Tensor;
  /** int32 [⌈blocks / 4⌉]: four bytes a word, each an index into `nestedCode` */
  absmaxPacked?: tf.Tensor;
  /** float32 [256], the map of the second quantisation */
  nestedCode?: tf.Tensor;
  /** float32 [⌈blocks / 256⌉] */
  nestedAbsmax?: tf.Tensor;
  /** float32 [], subtracted before the second quantisation */
  nestedOffset?: tf.Tensor;
};

/** The names of its tensors, those that may be absent too. */
export const NF4_PARTS = [
  'packed',
  'absmax',
  'absmaxPacked',
  'nestedCode',
  'nestedAbsmax',
  'nestedOffset',
] as const satisfies readonly (keyof Nf4Tensors)[];

/** The absmax of each block, undoing the second quantisation where there is one: float32 [blocks]. */
export function blockScales(weight: Nf4Tensors, blocks: number): tf.Tensor {
  if (weight.absmax) return weight.absmax;
  const { absmaxPacked, nestedCode, nestedAbsmax, nestedOffset } = weight;
  if (!absmaxPacked || !nestedCode || !nestedAbsmax || !nestedOffset) {
    throw new Error('NF4 weight without absmax and without all parts of the second quantisation');
  }
  const indices = unpackBits(absmaxPacked, [0, 8, 16, 24], 8).slice([0], [blocks]);
  const values = tf.gather(nestedCode, indices as tf.Tensor1D);
  const scales = repeatEach(nestedAbsmax, NESTED_BLOCK, blocks);
  return tf.add(tf.mul(values, scales), nestedOffset);
}

/** NF4 → float32 [out, in], made of tfjs ops: the reference of every kernel that reads packed weights. */
export function dequantizeNf4(weight: Nf4Tensors, out: number, inputs: number): tf.Tensor2D {
  return tf.tidy(() => {
    const size = out * inputs;
    const codes = unpackBits(weight.packed, [4, 0, 12, 8, 20, 16, 28, 24], 4).slice([0], [size]);
    const values = tf.gather(tf.tensor1d(NF4_CODES), codes as tf.Tensor1D);
    const blocks = Math.ceil(size / NF4_BLOCK);
    return tf.mul(values, repeatEach(blockScales(weight, blocks), NF4_BLOCK, size)).reshape([out, inputs]);
  });
}

/** int32 [n] → int32 [n · shifts.length]: of each word the `bits` bits at each shift, in the order given. */
function unpackBits(words: tf.Tensor, shifts: readonly number[], bits: number): tf.Tensor {
  const range = 2 ** bits;
  const fields = shifts.map((shift) => {
    // floorDiv rounds down, so that negative words give their two's complement bits
    const shifted = shift === 0 ? words : floorDivide(words, 2 ** shift);
    return tf.sub(shifted, tf.mul(floorDivide(shifted, range), tf.scalar(range, 'int32')));
  });
  return tf.stack(fields, 1).reshape([-1]);
}

function floorDivide(words: tf.Tensor, divisor: number): tf.Tensor {
  return tf.floorDiv(words, tf.scalar(divisor, 'int32'));
}

function repeatEach(values: tf.Tensor, times: number, size: number): tf.Tensor {
  const repeated = tf.tile(values.expandDims(1), [1, times]).reshape([-1]);
  return repeated.slice([0], [size]);
}
