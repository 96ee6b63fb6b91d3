import { expect, it } from 'vitest';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { nestedCode } from '../../src/models/nestedCode.js';
import { nf4Bytes, nf4ToDevice, quantizeNf4, quantizeScales } from '../../src/models/nf4.js';
import { dequantizeNf4, NF4_CODES } from '../../src/ops/nf4.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

const golden = SafetensorsFile.open('test/fixtures/nf4.safetensors');
const CASES = [...golden.tensors.keys()].filter((key) => key.endsWith('.input')).map((key) => key.slice(0, -6));

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
  expect(Array.from(nested.codes)).toEqual(Array.from(golden.bytes(`${name}.double.absmax8`)));
  expect(nested.offset).toBe(golden.floats(`${name}.double.offset`)[0]);
  expect(Array.from(nested.absmax)).toEqual(Array.from(golden.floats(`${name}.double.nested_absmax`)));
});

describeBackends('NF4 on the device', () => {
  it.each(CASES)('%s dequantises to what bitsandbytes gives', (name) => {
    const [rows, columns] = golden.info(`${name}.input`).shape as [number, number];
    const matrix = quantizeNf4(golden.floats(`${name}.input`), [rows, columns]);
    const plain = dequantizeNf4(nf4ToDevice(matrix, false), rows, columns);
    expectClose(plain, golden.floats(`${name}.dequantized`), 0, 'plain');
    const nested = dequantizeNf4(nf4ToDevice(matrix, true), rows, columns);
    expectClose(nested, golden.floats(`${name}.double.dequantized`), 1e-6, 'double');
  });

  it('keeps half a byte a weight', () => {
    const matrix = quantizeNf4(golden.floats('many.input'), [160, 128]);
    expect(nf4Bytes(nf4ToDevice(matrix, false))).toBe((160 * 128) / 2 + 320 * 4);
  });
});
