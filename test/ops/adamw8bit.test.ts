import { afterAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import type { Adamw8bitOutputs } from '../../src/ops/adamw8bit.js';
import { byteTensor, readBytes } from '../../src/ops/bytes.js';
import {
  BLOCK_8BIT,
  blocks8bit,
  dequantizeBlock,
  dynamicMap,
  quantizeBlock,
  SIGNED_MAP,
  UNSIGNED_MAP,
} from '../../src/ops/dynamicMap.js';
import { runUntaped } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { owned } from '../../src/ops/tensorflow/owned.js';
import { describeOps } from '../helpers/backends.js';
import { normal } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';

// bitsandbytes 0.50.2 (test/fixtures/versions.json)
const golden = SafetensorsFile.open('test/fixtures/adamw8bit.safetensors');
afterAll(() => golden.close());

const ATTRIBUTES = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6 };
const [LEARNING_RATE, DECAY] = [1e-2, 0.1];

/** How far bitsandbytes' codes are from the nearest on CPUs, as a share of absmax. */
const TABLE_ERROR = 3.1e-5;

function stepNumbers(step: number, clip = 1): number[] {
  const { beta1, beta2 } = ATTRIBUTES;
  return [
    LEARNING_RATE / (1 - beta1 ** step),
    1 / Math.sqrt(1 - beta2 ** step),
    1 - LEARNING_RATE * DECAY,
    clip,
  ];
}

interface State {
  parameter: Float32Array;
  m: Uint8Array;
  v: Uint8Array;
  mAbsmax: Float32Array;
  vAbsmax: Float32Array;
}

function run(states: State[], gradients: ArrayLike<number>[], steps: number[][]): State[] {
  return tf.tidy(() => {
    const list = (part: keyof State) => states.map((state) => owned(tensorOf(state[part])));
    const outputs: Adamw8bitOutputs = runUntaped(
      ops.adamw8bit,
      {
        parameters: list('parameter'),
        gradients: gradients.map((gradient) => tf.tensor1d(Float32Array.from(gradient))),
        m: list('m'),
        v: list('v'),
        mAbsmax: list('mAbsmax'),
        vAbsmax: list('vAbsmax'),
        step: tf.tensor2d(steps),
      },
      ATTRIBUTES,
    );
    return states.map(({ parameter: { length } }, i) => ({
      parameter: outputs.parameters[i]!.dataSync() as Float32Array,
      m: readBytes(outputs.m[i]!, length),
      v: readBytes(outputs.v[i]!, length),
      mAbsmax: outputs.mAbsmax[i]!.dataSync() as Float32Array,
      vAbsmax: outputs.vAbsmax[i]!.dataSync() as Float32Array,
    }));
  });
}

function tensorOf(values: Float32Array | Uint8Array): tf.Tensor {
  return values instanceof Uint8Array
    ? byteTensor(Uint8Array.from(values))
    : tf.tensor1d(Float32Array.from(values));
}

/** Values as shares of their block's absmax. */
function shares(codes: Uint8Array, map: Float32Array): Float32Array {
  const values = new Float32Array(codes.length);
  dequantizeBlock(codes, 1, map, values);
  return values;
}

function expectSharesClose(actual: State, expected: State, tolerance: number): void {
  for (const [part, map] of [
    ['m', SIGNED_MAP],
    ['v', UNSIGNED_MAP],
  ] as const) {
    const [a, b] = [shares(actual[part], map), shares(expected[part], map)];
    const scale = expected[`${part}Absmax`];
    a.forEach((share, i) => {
      if (scale[Math.floor(i / BLOCK_8BIT)] === 0) return;
      const neighbour = Math.abs(actual[part][i]! - expected[part][i]!) <= 1;
      if (!neighbour && !(Math.abs(share - b[i]!) <= tolerance))
        throw new Error(`${part} ${i}: ${share} of absmax, expected ${b[i]}`);
    });
  }
}

const zeroState = (parameter: Float32Array): State => ({
  parameter,
  m: new Uint8Array(parameter.length),
  v: new Uint8Array(parameter.length),
  mAbsmax: new Float32Array(blocks8bit(parameter.length)),
  vAbsmax: new Float32Array(blocks8bit(parameter.length)),
});

describe('dynamic map', () => {
  it.each(['signed', 'unsigned'])('%s: the values of bitsandbytes', (kind) => {
    expect(Array.from(dynamicMap(kind === 'signed'))).toEqual(Array.from(golden.floats(`map.${kind}`)));
  });

  it.each([
    ['signed', SIGNED_MAP],
    ['unsigned', UNSIGNED_MAP],
  ] as const)('%s: every value has its own code; what is between has the nearer', (_, map) => {
    const codes = new Uint8Array(256);
    expect(quantizeBlock(map, map, codes)).toBe(1);
    expect(Array.from(codes)).toEqual(Array.from({ length: 256 }, (_, i) => i));
    const between = Float32Array.from(map, (value, i) => (i < 255 ? 0.3 * value + 0.7 * map[i + 1]! : 1));
    quantizeBlock(between, map, codes);
    expect(Array.from(codes)).toEqual(Array.from({ length: 256 }, (_, i) => Math.min(255, i + 1)));
  });
});

describeOps('adamw8bit', () => {
  it('equals bitsandbytes in each of three steps', () => {
    const read = (step: number): State => ({
      parameter: golden.floats(`${step}.parameter`),
      m: golden.bytes(`${step}.m`),
      v: golden.bytes(`${step}.v`),
      mAbsmax: golden.floats(`${step}.mAbsmax`),
      vAbsmax: golden.floats(`${step}.vAbsmax`),
    });
    let before = zeroState(golden.floats('0.parameter'));
    for (const step of [1, 2, 3]) {
      const [actual] = run([before], [golden.floats(`${step}.gradient`)], [stepNumbers(step)]);
      const expected = read(step);
      expectClose(actual!.parameter, expected.parameter, 5e-7, `parameter after step ${step}`);
      for (const part of ['mAbsmax', 'vAbsmax'] as const) {
        const ratios = actual![part].map((scale, i) => scale / expected[part][i]!);
        expectClose(ratios, new Float32Array(ratios.length).fill(1), 5e-7, `${part} after step ${step}`);
      }
      expectSharesClose(actual!, expected, 2 * TABLE_ERROR);
      before = expected;
    }
  });

  it('codes are the nearest to what the step gives', () => {
    // from zeros the moments are multiples of the gradient and of its square
    const size = 3 * BLOCK_8BIT + 17;
    const scales = normal('scale', [size]).values.map((x) => Math.exp(3 * x));
    const gradient = Float32Array.from(normal('gradient', [size]).values, (x, i) => x * scales[i]!);
    const [actual] = run([zeroState(new Float32Array(size))], [gradient], [stepNumbers(1)]);
    const expected = zeroState(new Float32Array(size));
    for (let block = 0; block < blocks8bit(size); block++) {
      const range = [block * BLOCK_8BIT, Math.min(size, (block + 1) * BLOCK_8BIT)] as const;
      const g = gradient.subarray(...range);
      const m = g.map((x) => x * 0.1);
      const v = g.map((x) => x * x * 0.001);
      expected.mAbsmax[block] = quantizeBlock(m, SIGNED_MAP, expected.m.subarray(...range));
      expected.vAbsmax[block] = quantizeBlock(v, UNSIGNED_MAP, expected.v.subarray(...range));
    }
    for (const part of ['m', 'v'] as const) {
      const differing = actual![part].filter((code, i) => code !== expected[part][i]).length;
      // a last bit of the quotient decides in the middle between two
      expect(differing).toBeLessThan(3);
    }
    expectSharesClose(actual!, expected, 0);
    expectClose(actual!.mAbsmax, expected.mAbsmax, 1e-6);
    expectClose(actual!.vAbsmax, expected.vAbsmax, 1e-6);
  });

  it('tensors of any size at once: each as it is alone', () => {
    const sizes = [1, 255, 256, 257, 5000];
    const states = sizes.map((size) => zeroState(Float32Array.from(normal(`p${size}`, [size]).values)));
    const gradients = sizes.map((size) => normal(`g${size}`, [size]).values);
    const steps = sizes.map((_, i) => stepNumbers(i + 1, 0.5));
    const together = run(states, gradients, steps);
    sizes.forEach((_, i) => {
      expect(run([states[i]!], [gradients[i]!], [steps[i]!])[0]).toEqual(together[i]);
    });
  });

  it('blocks of zeros stay zero, tiny gradients are not lost to huge ones of other blocks', () => {
    const size = 3 * BLOCK_8BIT;
    const gradient = Float32Array.from(
      { length: size },
      (_, i) => [0, 1e-12, 1e6][Math.floor(i / BLOCK_8BIT)]!,
    );
    const [once] = run([zeroState(new Float32Array(size).fill(1))], [gradient], [stepNumbers(1)]);
    const [twice] = run([once!], [gradient], [stepNumbers(2)]);
    expectClose(twice!.parameter.subarray(0, BLOCK_8BIT), new Array(BLOCK_8BIT).fill(0.999 ** 2), 5e-7);
    expectClose(
      Array.from(twice!.mAbsmax, (scale) => scale / 0.19),
      [0, 1e-12, 1e6],
      5e-7,
    );
    expect(twice!.mAbsmax[1]! / 0.19e-12).toBeCloseTo(1, 5);
  });
});
