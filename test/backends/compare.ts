import { expect } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';

/** Deterministic values, some of them large, none of them special. */
export function values(count: number, scale = 2, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return ((state / 0x7fffffff) * 2 - 1) * scale;
  });
}

export const floats = (shape: number[], scale = 2, seed = 1): tf.Tensor =>
  tf.tensor(values(tf.util.sizeFromShape(shape), scale, seed), shape);

export const integers = (shape: number[], low: number, high: number, seed = 1): tf.Tensor => {
  const unit = values(tf.util.sizeFromShape(shape), 0.5, seed);
  return tf.tensor(
    Int32Array.from(unit, (value) => low + Math.floor((value + 0.5) * (high - low) * 0.999999)),
    shape,
    'int32',
  );
};

export const booleans = (shape: number[], seed = 1): tf.Tensor => floats(shape, 1, seed).greater(0);

interface Outcome {
  shape: number[];
  dtype: string;
  values: number[];
}

async function outcomes(backend: 'cpu' | 'wasm', run: () => tf.Tensor | tf.Tensor[]): Promise<Outcome[]> {
  await selectBackend(backend);
  const results = tf.tidy(() => run());
  const all = Array.isArray(results) ? results : [results];
  return all.map((tensor) => {
    const outcome = { shape: tensor.shape, dtype: tensor.dtype, values: Array.from(tensor.dataSync()) };
    tensor.dispose();
    return outcome;
  });
}

/** Runs the same on cpu and wasm; every value must agree within `tolerance`, relative to its size (or 1e-6). */
export async function expectSame(run: () => tf.Tensor | tf.Tensor[], tolerance = 1e-5): Promise<void> {
  const expected = await outcomes('cpu', run);
  const actual = await outcomes('wasm', run);
  expect(actual.length).toBe(expected.length);
  expected.forEach((one, i) => {
    const other = actual[i]!;
    expect(other.shape).toEqual(one.shape);
    expect(other.dtype).toBe(one.dtype);
    expect(other.values.length).toBe(one.values.length);
    one.values.forEach((value, j) => {
      const got = other.values[j]!;
      const same = Object.is(value, got) || value === got;
      const near = Math.abs(value - got) <= tolerance * Math.max(Math.abs(value), 1e-6);
      if (!same && !near) expect.fail(`output ${i}, element ${j}: cpu ${value}, wasm ${got}`);
    });
  });
}

/** As expectSame, for the gradient of the sum of squares of f at x. */
export async function expectSameGradient(f: (x: tf.Tensor) => tf.Tensor, x: () => tf.Tensor): Promise<void> {
  await expectSame(() => tf.grad((y) => f(y).square().sum())(x()), 1e-4);
}
