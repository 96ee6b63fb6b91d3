import { expect, it } from 'vitest';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { nestedCode } from '../../src/models/nestedCode.js';
import {
  type NestedScales,
  nf4Bytes,
  nf4ToDevice,
  quantizeNf4,
  quantizeScales,
} from '../../src/models/nf4.js';
import { dequantizeNf4, NF4_CODES } from '../../src/ops/nf4.js';
import { bitsAt, normalAt, randomKey } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

const golden = SafetensorsFile.open('test/fixtures/nf4.safetensors');
const CASES = [...golden.tensors.keys()]
  .filter((key) => key.endsWith('.input'))
  .map((key) => key.slice(0, -6));

it('the code books are those of bitsandbytes', () => {
  expect(Array.from(NF4_CODES)).toEqual(Array.from(golden.floats('code')));
  expect(Array.from(nestedCode())).toEqual(Array.from(golden.floats('nested_code')));
});

it.each(CASES)('%s: bytes and scales equal those of bitsandbytes', (name) => {
  const [rows, columns] = golden.info(`${name}.input`).shape as [number, number];
  const matrix = quantizeNf4(golden.floats(`${name}.input`), [rows, columns]);
  expect(Array.from(matrix.packed)).toEqual(Array.from(golden.bytes(`${name}.packed`)));
  expect(Array.from(matrix.absmax)).toEqual(Array.from(golden.floats(`${name}.absmax`)));
  const nested = quantizeScales(matrix.absmax);
  expectSameCodes(nested.codes, golden.bytes(`${name}.double.absmax8`), matrix.absmax, nested);
  expect(nested.offset).toBe(golden.floats(`${name}.double.offset`)[0]);
  expect(Array.from(nested.absmax)).toEqual(Array.from(golden.floats(`${name}.double.nested_absmax`)));
});

it('every value gets the code whose midpoints it lies between, as a plain search finds it', () => {
  const middles = NF4_CODES.slice(1).map((code, i) => Math.fround((code + NF4_CODES[i]!) / 2));
  const code = (value: number) => middles.filter((middle) => value > middle).length;
  const size = 64 * 1024 + 37;
  const values = new Float32Array(size);
  const words = new Uint32Array(values.buffer);
  const key = randomKey('nf4');
  for (let i = 0; i < size; i++) {
    const block = i >> 6;
    // blocks of noise; of midpoints and their neighbours; of any bits, subnormals alone, infinities and NaN
    if (block % 4 < 2) values[i] = normalAt(key, i) * 2 ** ((block % 60) - 30);
    else if (block % 4 === 2) {
      values[i] = i % 64 === 0 ? 1 : middles[i % 15]!;
      words[i]! += [0, 1, -1][i % 3]!;
    } else words[i] = block % 8 === 3 ? bitsAt(key, i) : bitsAt(key, i) & 0x800fffff;
  }
  const { packed, absmax } = quantizeNf4(values, [1, size]);
  for (let block = 0; block < absmax.length; block++) {
    const part = values.subarray(block * 64, block * 64 + 64);
    const largest = part.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    if (!Object.is(absmax[block], largest)) expect(absmax[block], `block ${block}`).toBe(largest);
    part.forEach((value, j) => {
      const scaled =
        largest === 0 ? 0 : part.length < 64 ? value / largest : value * Math.fround(1 / largest);
      const i = block * 64 + j;
      const found = i & 1 ? packed[i >> 1]! & 15 : packed[i >> 1]! >> 4;
      if (found !== code(Math.fround(scaled)))
        expect(found, `${value} of ${largest}`).toBe(code(Math.fround(scaled)));
    });
  }
});

/**
 * bitsandbytes' CPU kernel looks a value up in steps of about 2⁻¹⁵ and may miss the nearest code by one
 * where the value is that close to the middle of two codes; ours takes the nearest, as its GPU kernel does.
 */
function expectSameCodes(
  ours: Uint8Array,
  theirs: Uint8Array,
  absmax: Float32Array,
  nested: NestedScales,
): void {
  expect(ours.length).toBe(theirs.length);
  const map = nestedCode();
  ours.forEach((code, i) => {
    if (code === theirs[i]) return;
    const value = (absmax[i]! - nested.offset) / nested.absmax[Math.floor(i / 256)]!;
    const distance = (c: number) => Math.abs(value - map[c]!);
    expect(Math.abs(code - theirs[i]!)).toBe(1);
    expect(distance(theirs[i]!) - distance(code)).toBeGreaterThan(0);
    expect(distance(theirs[i]!) - distance(code)).toBeLessThan(2 ** -15);
  });
}

describeBackends('NF4 on the device', () => {
  it.each(CASES)('%s dequantises to what bitsandbytes gives', (name) => {
    const [rows, columns] = golden.info(`${name}.input`).shape as [number, number];
    const matrix = quantizeNf4(golden.floats(`${name}.input`), [rows, columns]);
    const plain = dequantizeNf4(nf4ToDevice(matrix), rows, columns);
    expectClose(plain, golden.floats(`${name}.dequantized`), 0, 'plain');
    const scales: NestedScales = {
      codes: golden.bytes(`${name}.double.absmax8`),
      absmax: golden.floats(`${name}.double.nested_absmax`),
      offset: golden.floats(`${name}.double.offset`)[0]!,
    };
    const nested = dequantizeNf4(nf4ToDevice(matrix, scales), rows, columns);
    expectClose(nested, golden.floats(`${name}.double.dequantized`), 1e-6, 'double');
  });

  it('keeps half a byte a weight', () => {
    const matrix = quantizeNf4(golden.floats('many.input'), [160, 128]);
    expect(nf4Bytes(nf4ToDevice(matrix))).toBe((160 * 128) / 2 + 320 * 4);
  });
});
