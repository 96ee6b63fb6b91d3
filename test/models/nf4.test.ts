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
/** Sizes, paddings and scales at an edge: test/fixtures/bnb.py. */
const edges = SafetensorsFile.open('test/fixtures/bnb/edges.safetensors');
const CASES = [golden, edges].flatMap((file) =>
  [...file.tensors.keys()]
    .filter((key) => key.endsWith('.input'))
    .map((key): [name: string, file: SafetensorsFile] => [key.slice(0, -6), file]),
);

it('the code books are those of bitsandbytes', () => {
  expect(Array.from(NF4_CODES)).toEqual(Array.from(golden.floats('code')));
  expect(Array.from(nestedCode())).toEqual(Array.from(golden.floats('nested_code')));
});

it.each(CASES)('%s: bytes and scales equal those of bitsandbytes', (name, golden) => {
  const [rows, columns] = golden.info(`${name}.input`).shape as [number, number];
  const matrix = quantizeNf4(golden.floats(`${name}.input`), [rows, columns]);
  expect(Array.from(matrix.packed)).toEqual(Array.from(golden.bytes(`${name}.packed`)));
  expect(Array.from(matrix.absmax)).toEqual(Array.from(golden.floats(`${name}.absmax`)));
  const nested = quantizeScales(matrix.absmax);
  expect(Array.from(nested.codes)).toEqual(Array.from(golden.bytes(`${name}.double.absmax8`)));
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
    // blocks of noise; of midpoints and their neighbours; of any finite bits; of subnormals
    if (block % 4 < 2) values[i] = normalAt(key, i) * 2 ** ((block % 60) - 30);
    else if (block % 4 === 2) {
      values[i] = i % 64 === 0 ? 1 : middles[i % 15]!;
      words[i]! += [0, 1, -1][i % 3]!;
    } else words[i] = bitsAt(key, i) & (block % 8 === 3 ? 0xff7fffff : 0x800fffff);
  }
  const { packed, absmax } = quantizeNf4(values, [1, size]);
  for (let block = 0; block < absmax.length; block++) {
    const part = values.subarray(block * 64, block * 64 + 64);
    const largest = part.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const bound = Math.max(largest, Math.fround(1e-38));
    const kept = part.length < 64 ? bound : largest;
    if (!Object.is(absmax[block], kept)) expect(absmax[block], `block ${block}`).toBe(kept);
    part.forEach((value, j) => {
      const scaled = part.length < 64 ? value / bound : value * Math.fround(1 / bound);
      const i = block * 64 + j;
      const found = i & 1 ? packed[i >> 1]! & 15 : packed[i >> 1]! >> 4;
      if (found !== code(Math.fround(scaled)))
        expect(found, `${value} of ${bound}`).toBe(code(Math.fround(scaled)));
    });
  }
});

/** Exactly, but that a backend may take denormal numbers as zero. */
const FLUSHED = 2 ** -124;

it.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN])('refuses %s, naming it', (bad) => {
  const values = new Float32Array(130).fill(0.5);
  values[129] = bad;
  expect(() => quantizeNf4(values, [2, 65], 'layers.0.weight')).toThrow(
    `layers.0.weight cannot be quantised: value 129 is ${bad}`,
  );
});

describeBackends('NF4 on the device', () => {
  const dequantised = CASES.filter(([name, file]) => file.tensors.has(`${name}.dequantized`));
  it.each(dequantised)('%s dequantises to what bitsandbytes gives', (name, golden) => {
    const [rows, columns] = golden.info(`${name}.input`).shape as [number, number];
    const matrix = quantizeNf4(golden.floats(`${name}.input`), [rows, columns]);
    const plain = dequantizeNf4(nf4ToDevice(matrix), rows, columns);
    expectClose(plain, golden.floats(`${name}.dequantized`), FLUSHED, 'plain');
    const scales: NestedScales = {
      codes: golden.bytes(`${name}.double.absmax8`),
      map: nestedCode(),
      absmax: golden.floats(`${name}.double.nested_absmax`),
      offset: golden.floats(`${name}.double.offset`)[0]!,
    };
    const nested = dequantizeNf4(nf4ToDevice(matrix, scales), rows, columns);
    expectClose(nested, golden.floats(`${name}.double.dequantized`), FLUSHED, 'double');
  });

  it('keeps half a byte a weight', () => {
    const matrix = quantizeNf4(golden.floats('many.input'), [160, 128]);
    expect(nf4Bytes(nf4ToDevice(matrix))).toBe((160 * 128) / 2 + 320 * 4);
  });
});
