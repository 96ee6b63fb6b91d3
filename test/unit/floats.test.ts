import { expect, it } from 'vitest';
import {
  bfloatsToFloats,
  bfloatToFloat,
  floatsToBfloats,
  floatsToHalves,
  floatToBfloat,
  floatToHalf,
  halfToFloat,
  halvesToFloats,
} from '../../src/models/formats/floats.js';
import { bitsAt, randomKey } from '../../src/support/random.js';

const ALL = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
const wordsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

it('every half is the number that its fields say', () => {
  const values = new Float32Array(ALL.length);
  halvesToFloats(ALL, values);
  for (const bits of ALL) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 0x3ff;
    const expected =
      exponent === 31
        ? fraction === 0
          ? sign * Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? sign * fraction * 2 ** -24
          : sign * (1024 + fraction) * 2 ** (exponent - 25);
    if (!Object.is(values[bits], expected)) expect(values[bits], `half ${bits}`).toBe(expected);
    if (!Object.is(halfToFloat(bits), expected)) expect(halfToFloat(bits), `half ${bits}`).toBe(expected);
  }
});

it('every bfloat is the upper half of a float32', () => {
  const values = new Float32Array(ALL.length);
  bfloatsToFloats(ALL, values);
  const words = wordsOf(values);
  for (const bits of ALL) if (words[bits] !== bits * 0x10000) expect(words[bits]).toBe(bits * 0x10000);
  expect(bfloatToFloat(0x3fc0)).toBe(1.5);
});

it('what was read is written again as it was, NaNs as quiet ones', () => {
  const values = new Float32Array(ALL.length);
  const again = new Uint16Array(ALL.length);
  const quiet = (bits: number, infinity: number, bit: number) =>
    (bits & 0x7fff) > infinity ? bits | bit : bits;
  halvesToFloats(ALL, values);
  floatsToHalves(values, again);
  expect(again).toEqual(ALL.map((bits) => quiet(bits, 0x7c00, 0x200)));
  bfloatsToFloats(ALL, values);
  floatsToBfloats(values, again);
  expect(again).toEqual(ALL.map((bits) => quiet(bits, 0x7f80, 0x40)));
});

/** The nearest of the values that 16 bits can have, on a tie the one whose last bit is 0; beyond all, infinity. */
function nearest(value: number, all: Float32Array, largest: number, step: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= all[largest]! + step / 2) return sign | (largest + 1);
  let low = 0;
  let high = largest;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (all[middle]! <= magnitude) low = middle;
    else high = middle;
  }
  const [below, above] = [magnitude - all[low]!, all[high]! - magnitude];
  return sign | (below < above || (below === above && low % 2 === 0) ? low : high);
}

it.each([
  ['F16', halvesToFloats, floatsToHalves, floatToHalf, 0x7bff, 2 ** 5],
  ['BF16', bfloatsToFloats, floatsToBfloats, floatToBfloat, 0x7f7f, 2 ** 120],
] as const)(
  '%s: writing rounds to the nearest, ties to even',
  (_name, read, write, writeOne, largest, step) => {
    const all = new Float32Array(ALL.length);
    read(ALL, all);
    const values = new Float32Array(60_000);
    const words = wordsOf(values);
    const key = randomKey('round', largest);
    for (let i = 0; i < values.length; i++) {
      // anything; the middle of two neighbours; one unit in the last place beside that middle
      if (i % 3 === 0) {
        words[i] = bitsAt(key, i);
        if (Number.isNaN(values[i]!)) values[i] = 0;
      } else {
        const code = (bitsAt(key, i) >>> 0) % largest;
        values[i] = (all[code]! + all[code + 1]!) / 2;
        if (i % 3 === 2) words[i]! += (bitsAt(key, i) >>> 20) % 2 === 0 ? 1 : -1;
      }
      if (i % 2 === 1) words[i]! ^= 0x80000000;
    }
    const written = new Uint16Array(values.length);
    write(values, written);
    for (let i = 0; i < values.length; i++) {
      const expected = nearest(values[i]!, all, largest, step);
      if (written[i] !== expected || writeOne(values[i]!) !== expected)
        expect(written[i], `${values[i]} (${i})`).toBe(expected);
    }
  },
);
