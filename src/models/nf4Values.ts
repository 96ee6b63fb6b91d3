import { NESTED_BLOCK, NF4_BLOCK, NF4_CODES } from '../ops/nf4.js';
import { type NestedScales, type Nf4Matrix, quantizeNf4, quantizeScales } from './nf4.js';

/** What a quantised matrix stands for, row-major, as the ops on packed weights see it. */
export function nf4Values({ shape, packed, absmax }: Nf4Matrix, nested?: NestedScales): Float32Array {
  const scales = nested ? nestedValues(nested) : absmax;
  const values = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < values.length; i++) {
    const code = (packed[i >> 1]! >> (i & 1 ? 0 : 4)) & 15;
    values[i] = NF4_CODES[code]! * scales[Math.floor(i / NF4_BLOCK)]!;
  }
  return values;
}

/** A matrix as it is once it has been quantised and back. */
export function throughNf4(
  values: Float32Array,
  shape: [number, number],
  doubleQuantized: boolean,
): Float32Array {
  const matrix = quantizeNf4(values, shape);
  return nf4Values(matrix, doubleQuantized ? quantizeScales(matrix.absmax) : undefined);
}

function nestedValues({ codes, map, absmax, offset }: NestedScales): Float32Array {
  return Float32Array.from(
    codes,
    (code, i) => Math.fround(map[code]! * absmax[Math.floor(i / NESTED_BLOCK)]!) + offset,
  );
}
