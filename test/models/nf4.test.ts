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
