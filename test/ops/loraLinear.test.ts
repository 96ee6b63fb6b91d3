import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { nestedCode } from '../../src/models/nestedCode.js';
import { nf4ToDevice, quantizeNf4, quantizeScales } from '../../src/models/nf4.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import type { Nf4Tensors } from '../../src/ops/nf4.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeBackends, describeOps } from '../helpers/backends.js';
import { checkKernel } from '../helpers/checkKernel.js';
import { checkOp, int32, normal, type OpInput, pick, random } from '../helpers/checkOp.js';
import { timesTransposed } from '../helpers/float64.js';

// Dettmers et al. 2023, appendix E
const CODES = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];

const bytesOf = (words: Float64Array) => new Uint8Array(Int32Array.from(words).buffer);

/** W in float64, from what is packed. */
function dequantise(values: Partial<Record<string, Float64Array>>, size: number): Float64Array {
  const packed = bytesOf(values.packed!);
  const nested = values.absmaxPacked && bytesOf(values.absmaxPacked);
  const scale = (block: number) => {
    if (!nested) return values.absmax![block]!;
    const code = nestedCode()[nested[block]!]!;
    return code * values.nestedAbsmax![Math.floor(block / 256)]! + values.nestedOffset![0]!;
  };
  return Float64Array.from({ length: size }, (_, i) => {
    const code = i % 2 === 0 ? packed[i >> 1]! >> 4 : packed[i >> 1]! & 15;
    return CODES[code]! * scale(i >> 6);
  });
}

function checkLinear4bit(x: OpInput, weight: OpInput, nested: boolean, tolerance = 5e-6): void {
  const [N, inputs] = x.shape as [number, number];
  const [out] = weight.shape as [number, number];
  const matrix = quantizeNf4(Float32Array.from(weight.values), [out, inputs]);
  const packed = nf4ToDevice(matrix, nested ? quantizeScales(matrix.absmax) : undefined);
  const given: Record<string, OpInput> = { x };
  for (const [name, tensor] of Object.entries(packed)) {
    const values = Array.from(tensor.dataSync());
    given[name] = tensor.dtype === 'int32' ? int32(tensor.shape, values) : { shape: tensor.shape, values };
    tensor.dispose();
  }
  let dequantised: Float64Array | undefined;
  checkOp({
    inputs: given,
    run: ({ x: rows, ...rest }) =>
      run(ops.loraLinear, { x: rows!, ...(rest as Nf4Tensors) }, { outFeatures: out, inFeatures: inputs }),
    reference(values) {
      // the same for every difference that is taken
      dequantised ??= dequantise(values, out * inputs);
      return timesTransposed(values.x!, dequantised, inputs);
    },
    shape: [N, out],
    gradients: ['x'],
    tolerance,
    gradientTolerance: tolerance,
  });
}

const SHAPES = [
  { N: 4, inputs: 64, out: 8 },
  { N: 1, inputs: 64, out: 1 },
  // blocks of 64 that run across rows, and sizes that fill no word
  { N: 3, inputs: 13, out: 5 },
  { N: 2, inputs: 48, out: 16 },
  { N: 1, inputs: 1, out: 1 },
  { N: 17, inputs: 40, out: 56 },
  { N: 2, inputs: 3, out: 1 },
];

describeOps('loraLinear with an adapter', () => {
  it.each([
    { N: 5, inputs: 7, rank: 3, out: 4, scale: 2 },
    { N: 1, inputs: 33, rank: 1, out: 3, scale: 0.5 },
    { N: 2, inputs: 1, rank: 8, out: 1, scale: 4 },
  ])('$N rows, $inputs → $out, rank $rank', ({ N, inputs, rank, out, scale }) => {
    checkOp({
      inputs: {
        x: normal('x', [N, inputs]),
        weight: normal('w', [out, inputs]),
        a: normal('a', [rank, inputs]),
        b: normal('b', [out, rank]),
      },
      run: (tensors) => run(ops.loraLinear, tensors, { outFeatures: out, inFeatures: inputs, scale }),
      reference(values) {
        const base = timesTransposed(values.x, values.weight, inputs);
        const added = timesTransposed(timesTransposed(values.x, values.a, inputs), values.b, rank);
        return base.map((y, i) => y + scale * added[i]!);
      },
      shape: [N, out],
      gradients: ['x', 'weight', 'a', 'b'],
      tolerance: 5e-6,
      gradientTolerance: 5e-6,
    });
  });
});

describeBackends('loraLinear at the sizes of models', (backend) => {
  const sizes = [
    { N: 1, inputs: 640, out: 2048, rank: 16 },
    { N: 7, inputs: 100, out: 65, rank: 4 },
    // the last that nothing is packed for, and the first that is
    { N: 48, inputs: 448, out: 96, rank: 16 },
    { N: 49, inputs: 448, out: 96, rank: 16 },
    { N: 250, inputs: 193, out: 517, rank: 5 },
    { N: 500, inputs: 64, out: 33, rank: 200 },
    { N: 0, inputs: 64, out: 8, rank: 4 },
  ];
  const kinds = ['float32', 'nf4', 'nf4-double'] as const;
  const cases = sizes.flatMap((size) => kinds.map((kind) => ({ ...size, kind })));
  it.runIf(backend === 'tensorflow').each(cases)(
    '$kind, $N rows, $inputs → $out, rank $rank',
    ({ N, inputs, out, rank, kind }) => {
      const tensor = (shape: [number, number], seed: number, scale = 1) =>
        tf.randomNormal(shape, 0, scale, 'float32', seed);
      const values = tensor([out, inputs], 2);
      const matrix = quantizeNf4(values.dataSync() as Float32Array, [out, inputs]);
      const packed = () => nf4ToDevice(matrix, kind === 'nf4' ? undefined : quantizeScales(matrix.absmax));
      const weight: Record<string, tf.Tensor> = kind === 'float32' ? { weight: values.clone() } : packed();
      values.dispose();
      checkKernel<string>({
        inputs: {
          x: tensor([N, inputs], 1),
          ...weight,
          a: tensor([rank, inputs], 3),
          b: tensor([out, rank], 4),
        },
        run: ({ x, ...rest }) =>
          run(ops.loraLinear, { x: x!, ...rest }, { outFeatures: out, inFeatures: inputs, scale: 0.5 }),
        gradients: ['x', 'a', 'b'],
        // sums of hundreds of terms, whose order differs
        tolerance: 2e-4,
      });
    },
  );
});

describeOps('loraLinear', () => {
  it.each(SHAPES)('$N rows, $inputs → $out', ({ N, inputs, out }) => {
    checkLinear4bit(normal('x', [N, inputs]), normal('w', [out, inputs]), false);
  });

  it.each(SHAPES)('$N rows, $inputs → $out, scales quantised once more', ({ N, inputs, out }) => {
    checkLinear4bit(normal('x', [N, inputs]), normal('w', [out, inputs]), true);
  });

  it('more than 256 blocks of scales', () => {
    checkLinear4bit(normal('x', [1, 128]), normal('w', [160, 128]), true);
  });

  it('±100, zeros, and a block of zeros', () => {
    const weight = pick('w', [4, 64], [100, -100, 0, 25]);
    weight.values.fill(0, 64, 128);
    // sums of 64 terms of up to 100, which partly cancel
    checkLinear4bit(pick('x', [3, 64], [1, -1, 0]), weight, false, 2e-5);
    checkLinear4bit(pick('x', [3, 64], [100, -100, 0]), random('w', [4, 64], 1), false, 2e-5);
  });

  it('keeps the packed weight, and has no gradient for it', () => {
    const matrix = quantizeNf4(
      Float32Array.from({ length: 64 }, (_, i) => i / 64),
      [1, 64],
    );
    const packed = nf4ToDevice(matrix);
    const x = tf.ones([1, 64]);
    const attributes = { outFeatures: 1, inFeatures: 64 };
    expect(() =>
      valueAndGradients(() => run(ops.loraLinear, { x, ...packed }, attributes), [packed.absmax!]),
    ).toThrow('no gradient for its input absmax');
  });
});
