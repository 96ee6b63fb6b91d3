import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { normalAt, randomKey, uniformAt } from '../../src/support/random.js';
import { expectClose } from './compare.js';

/** A tensor as the test gives it: to the op in float32 or int32, to the reference in float64. */
export interface OpInput {
  shape: number[];
  values: number[];
  dtype?: 'float32' | 'int32';
}

export interface OpCheck<N extends string> {
  inputs: Record<N, OpInput>;
  run(tensors: Record<N, tf.Tensor>): tf.Tensor;
  /** The output, row-major, computed in plain float64. */
  reference(values: Record<N, Float64Array>): ArrayLike<number>;
  /** Of the output. */
  shape: number[];
  dtype?: 'float32' | 'int32';
  /** Inputs whose gradients are compared with central differences of the reference. */
  gradients: readonly NoInfer<N>[];
  /** The output's gradient; arbitrary numbers in ±1 where not given. */
  dy?: number[];
  /** Tolerated |actual − expected| / (1 + |expected|), of the output and of the gradients. */
  tolerance: number;
  gradientTolerance: number;
}

/**
 * Checks an op's shape, type, values and gradients against a float64 reference; that asking for one gradient
 * gives what asking for all does; and that nothing stays on the device. Throws at the first that fails.
 */
export function checkOp<N extends string>(check: OpCheck<N>): void {
  const before = tf.memory().numTensors;
  const names = Object.keys(check.inputs) as N[];
  const values = {} as Record<N, Float64Array>;
  const tensors = {} as Record<N, tf.Tensor>;
  for (const name of names) {
    const { shape, values: given, dtype = 'float32' } = check.inputs[name];
    const size = shape.reduce((product, n) => product * n, 1);
    if (given.length !== size)
      throw new Error(`${name} has ${given.length} values, [${shape}] wants ${size}`);
    values[name] = Float64Array.from(given, dtype === 'float32' ? Math.fround : undefined);
    tensors[name] = tf.tensor(given, shape, dtype);
  }
  const output = check.run(tensors);
  const { dtype = 'float32' } = check;
  if (output.shape.join() !== check.shape.join()) {
    throw new Error(`shape is [${output.shape}], expected [${check.shape}]`);
  }
  if (output.dtype !== dtype) throw new Error(`type is ${output.dtype}, expected ${dtype}`);
  expectClose(output, check.reference(values), check.tolerance, 'output');
  if (check.gradients.length > 0) checkGradients(check, values, tensors, output.size);
  tf.dispose([output, tensors]);
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`${left} tensors are left on the device`);
}

function checkGradients<N extends string>(
  check: OpCheck<N>,
  values: Record<N, Float64Array>,
  tensors: Record<N, tf.Tensor>,
  size: number,
): void {
  const dy = Float64Array.from(check.dy ?? random('dy', [size], 1).values, Math.fround);
  if (dy.length !== size) throw new Error(`dy has ${dy.length} values, the output ${size}`);
  const gradientsOf = (xs: readonly N[]) => {
    const dyTensor = tf.tensor(Float32Array.from(dy), check.shape);
    const { value, gradients } = valueAndGradients(
      () => check.run(tensors),
      xs.map((name) => tensors[name]),
      dyTensor,
    );
    tf.dispose([value, dyTensor]);
    return gradients;
  };
  const all = gradientsOf(check.gradients);
  check.gradients.forEach((name, i) => {
    const expected = centralDifferences(check, values, name, dy);
    const actual = all[i]!;
    const { shape } = check.inputs[name];
    if (actual.shape.join() !== shape.join())
      throw new Error(`gradient of ${name} is [${actual.shape}], expected [${shape}]`);
    expectClose(actual, expected, check.gradientTolerance, `gradient of ${name}`);
    const alone = gradientsOf([name]);
    expectClose(alone[0]!, expected, check.gradientTolerance, `gradient of ${name} alone`);
    tf.dispose(alone);
  });
  tf.dispose(all);
}

const STEP = 1e-5;

/** The gradient of Σ dy · reference by one input: five-point differences, whose error is O(step⁴). */
function centralDifferences<N extends string>(
  check: OpCheck<N>,
  values: Record<N, Float64Array>,
  name: N,
  dy: Float64Array,
): Float64Array {
  const at = Float64Array.from(values[name]);
  const weighted = () => {
    const output = check.reference({ ...values, [name]: at });
    let sum = 0;
    for (let i = 0; i < dy.length; i++) sum += dy[i]! * output[i]!;
    return sum;
  };
  return Float64Array.from(at, (x, i) => {
    const f = (offset: number) => {
      at[i] = x + offset;
      return weighted();
    };
    const slope = (8 * (f(STEP) - f(-STEP)) - (f(2 * STEP) - f(-2 * STEP))) / (12 * STEP);
    at[i] = x;
    return slope;
  });
}

/** Arbitrary numbers, uniform in ±range. */
export function random(name: string, shape: number[], range: number): OpInput {
  const key = randomKey('test', name);
  const size = shape.reduce((product, n) => product * n, 1);
  return { shape, values: Array.from({ length: size }, (_, i) => range * (2 * uniformAt(key, i) - 1)) };
}

/** Arbitrary numbers, normally distributed. */
export function normal(name: string, shape: number[]): OpInput {
  const key = randomKey('test', name);
  const size = shape.reduce((product, n) => product * n, 1);
  return { shape, values: Array.from({ length: size }, (_, i) => normalAt(key, i)) };
}

/** Numbers taken from a list in arbitrary order. */
export function pick(name: string, shape: number[], from: readonly number[]): OpInput {
  const key = randomKey('test', name);
  const size = shape.reduce((product, n) => product * n, 1);
  return {
    shape,
    values: Array.from({ length: size }, (_, i) => from[Math.floor(uniformAt(key, i) * from.length)]!),
  };
}

export function int32(shape: number[], values: number[]): OpInput {
  return { shape, values, dtype: 'int32' };
}
