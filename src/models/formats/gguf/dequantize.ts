import { halfToFloat } from '../floats.js';

/**
 * Writes the values of `blocks` blocks, which lie in `bytes` one after the other, to `out` from `at`.
 *
 * The block layouts are ggml's (ggml-common.h, ggml-quants.c). The values are those of float32 arithmetic:
 * a product of a half-precision scale and a small integer is exact in float64, and storing rounds once.
 */
export type Decode = (bytes: Uint8Array, blocks: number, out: Float32Array, at: number) => void;

let table: Float32Array | undefined;

/** Every half-precision number as float32, by its bits. */
function halves(): Float32Array {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfToFloat(bits));
  return table;
}

const f16: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  for (let i = 0, p = 0; i < blocks; i++, p += 2) out[at + i] = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
};

const bf16: Decode = (bytes, blocks, out, at) => {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0, p = 0; i < blocks; i++, p += 2) bits[at + i] = (bytes[p]! << 16) | (bytes[p + 1]! << 24);
};

const q8_0: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 34, o += 32) {
    const d = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
    for (let i = 0; i < 32; i++) out[o + i] = d * signed[p + 2 + i]!;
  }
};

/** 32 values of 4 bits: the first 16 in the low halves of 16 bytes, the others in the high ones. */
const q4_0: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 18, o += 32) {
    const d = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[p + 2 + i]!;
      out[o + i] = d * ((pair & 15) - 8);
      out[o + 16 + i] = d * ((pair >> 4) - 8);
    }
  }
};

const q4_1: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 20, o += 32) {
    const d = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
    const m = half[bytes[p + 2]! | (bytes[p + 3]! << 8)]!;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[p + 4 + i]!;
      out[o + i] = d * (pair & 15) + m;
      out[o + 16 + i] = d * (pair >> 4) + m;
    }
  }
};

/** As q4_0, with the fifth bits of all 32 values in 4 bytes of their own. */
const q5_0: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 22, o += 32) {
    const d = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
    const high = word(bytes, p + 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[p + 6 + i]!;
      out[o + i] = d * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
      out[o + 16 + i] = d * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  }
};

const q5_1: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 24, o += 32) {
    const d = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
    const m = half[bytes[p + 2]! | (bytes[p + 3]! << 8)]!;
    const high = word(bytes, p + 4);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[p + 8 + i]!;
      out[o + i] = d * ((pair & 15) | (((high >>> i) & 1) << 4)) + m;
      out[o + 16 + i] = d * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
    }
  }
};

function word(bytes: Uint8Array, p: number): number {
  return bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24);
}

/** The j-th of 8 scales of 6 bits, which 12 bytes from `s` hold together with 8 minima. */
const scaleAt = (bytes: Uint8Array, s: number, j: number) =>
  j < 4 ? bytes[s + j]! & 63 : (bytes[s + j + 4]! & 15) | ((bytes[s + j - 4]! >> 6) << 4);

const minimumAt = (bytes: Uint8Array, s: number, j: number) =>
  j < 4 ? bytes[s + j + 4]! & 63 : (bytes[s + j + 4]! >> 4) | ((bytes[s + j]! >> 6) << 4);

/** 256 values in 8 groups with a scale and a minimum each; two groups share 32 bytes. */
const q4_K: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 144) {
    const d = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
    const least = half[bytes[p + 2]! | (bytes[p + 3]! << 8)]!;
    for (let j = 0; j < 8; j++, o += 32) {
      const scale = d * scaleAt(bytes, p + 4, j);
      const minimum = least * minimumAt(bytes, p + 4, j);
      const pairs = p + 16 + (j >> 1) * 32;
      const shift = (j & 1) * 4;
      for (let i = 0; i < 32; i++) out[o + i] = scale * ((bytes[pairs + i]! >> shift) & 15) - minimum;
    }
  }
};

/** As q4_K, with the fifth bit of group j's i-th value in bit j of the i-th of 32 further bytes. */
const q5_K: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 176) {
    const d = half[bytes[p]! | (bytes[p + 1]! << 8)]!;
    const least = half[bytes[p + 2]! | (bytes[p + 3]! << 8)]!;
    for (let j = 0; j < 8; j++, o += 32) {
      const scale = d * scaleAt(bytes, p + 4, j);
      const minimum = least * minimumAt(bytes, p + 4, j);
      const pairs = p + 48 + (j >> 1) * 32;
      const shift = (j & 1) * 4;
      for (let i = 0; i < 32; i++) {
        const high = (bytes[p + 16 + i]! >> j) & 1;
        out[o + i] = scale * (((bytes[pairs + i]! >> shift) & 15) | (high << 4)) - minimum;
      }
    }
  }
};

/**
 * 256 values of 6 bits in 16 groups with a signed scale each: 128 bytes of low halves, 64 of the upper two bits,
 * the scales, and the scales' scale.
 */
const q6_K: Decode = (bytes, blocks, out, at) => {
  const half = halves();
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let b = 0, p = 0, o = at; b < blocks; b++, p += 210, o += 256) {
    const d = half[bytes[p + 208]! | (bytes[p + 209]! << 8)]!;
    for (let group = 0; group < 16; group++) {
      const scale = d * signed[p + 192 + group]!;
      // a half of the block is four runs of 32 values, each with two groups
      const run = (group & 7) >> 1;
      const within = (group & 1) * 16;
      const low = p + (group >> 3) * 64 + (run & 1) * 32 + within;
      const high = p + 128 + (group >> 3) * 32 + within;
      const lowShift = (run >> 1) * 4;
      const to = o + group * 16;
      for (let i = 0; i < 16; i++) {
        const value = ((bytes[low + i]! >> lowShift) & 15) | (((bytes[high + i]! >> (run * 2)) & 3) << 4);
        out[to + i] = scale * (value - 32);
      }
    }
  }
};

/** By the type's name; F32 needs none. */
export const DECODERS: Readonly<Record<string, Decode>> = {
  F16: f16,
  BF16: bf16,
  Q8_0: q8_0,
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q4_K: q4_K,
  Q5_K: q5_K,
  Q6_K: q6_K,
};
