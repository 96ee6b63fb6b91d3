import { expect, it } from 'vitest';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { nestedCode } from '../../src/models/nestedCode.js';
import { nf4Bytes, nf4ToDevice, quantizeNf4, quantizeScales, } from '../../src/models/nf4.js';
import { dequantizeNf4, NF4_CODES } from '../../src/ops/nf4.js';
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
    const [rows, columns] = golden.info(`${name}.input`).shape;
    const matrix = quantizeNf4(golden.floats(`${name}.input`), [rows, columns]);
    expect(Array.from(matrix.packed)).toEqual(Array.from(golden.bytes(`${name}.packed`)));
    expect(Array.from(matrix.absmax)).toEqual(Array.from(golden.floats(`${name}.absmax`)));
    const nested = quantizeScales(matrix.absmax);
    expectSameCodes(nested.codes, golden.bytes(`${name}.double.absmax8`), matrix.absmax, nested);
    expect(nested.offset).toBe(golden.floats(`${name}.double.offset`)[0]);
    expect(Array.from(nested.absmax)).toEqual(Array.from(golden.floats(`${name}.double.nested_absmax`)));
});
/**
 * bitsandbytes' CPU kernel looks a value up in steps of about 2⁻¹⁵ and may miss the nearest code by one
 * where the value is that close to the middle of two codes; ours takes the nearest, as its GPU kernel does.
 */
function expectSameCodes(ours, theirs, absmax, nested) {
    expect(ours.length).toBe(theirs.length);
    const map = nestedCode();
    ours.forEach((code, i) => {
        if (code === theirs[i])
            return;
        const value = (absmax[i] - nested.offset) / nested.absmax[Math.floor(i / 256)];
        const distance = (c) => Math.abs(value - map[c]);
        expect(Math.abs(code - theirs[i])).toBe(1);
        expect(distance(theirs[i]) - distance(code)).toBeGreaterThan(0);
        expect(distance(theirs[i]) - distance(code)).toBeLessThan(2 ** -15);
    });
}
describeBackends('NF4 on the device', () => {
    it.each(CASES)('%s dequantises to what bitsandbytes gives', (name) => {
        const [rows, columns] = golden.info(`${name}.input`).shape;
        const matrix = quantizeNf4(golden.floats(`${name}.input`), [rows, columns]);
        const plain = dequantizeNf4(nf4ToDevice(matrix), rows, columns);
        expectClose(plain, golden.floats(`${name}.dequantized`), 0, 'plain');
        const scales = {
            codes: golden.bytes(`${name}.double.absmax8`),
            absmax: golden.floats(`${name}.double.nested_absmax`),
            offset: golden.floats(`${name}.double.offset`)[0],
        };
        const nested = dequantizeNf4(nf4ToDevice(matrix, scales), rows, columns);
        expectClose(nested, golden.floats(`${name}.double.dequantized`), 1e-6, 'double');
    });
    it('keeps half a byte a weight', () => {
        const matrix = quantizeNf4(golden.floats('many.input'), [160, 128]);
        expect(nf4Bytes(nf4ToDevice(matrix))).toBe((160 * 128) / 2 + 320 * 4);
    });
});
//# sourceMappingURL=nf4.test.js.map