import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import type { AdamwOutputs } from '../../src/ops/adamw.js';
import { runUntaped } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { owned } from '../../src/ops/tensorflow/owned.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';

const ATTRIBUTES = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6 };
const CLIP = 0.75;

type One<T> = Record<'parameter' | 'gradient' | 'm' | 'v' | 'step', T>;

/** Loshchilov & Hutter 2019, algorithm 2, with [lr / (1 − β1ᵗ), 1 / √(1 − β2ᵗ), 1 − lr·λ, clip] given. */
function reference(values: One<Float64Array>): Record<keyof AdamwOutputs, number[]> {
  const { beta1, beta2, epsilon } = ATTRIBUTES;
  const [stepSize, correction, decay, clip] = values.step as unknown as [number, number, number, number];
  const m = Array.from(values.m, (old, i) => beta1 * old + (1 - beta1) * values.gradient[i]! * clip);
  const v = Array.from(values.v, (old, i) => beta2 * old + (1 - beta2) * (values.gradient[i]! * clip) ** 2);
  const parameters = Array.from(values.parameter, (old, i) => {
    return old * decay - (stepSize * m[i]!) / (Math.sqrt(v[i]!) * correction + epsilon);
  });
  return { parameters, m, v };
}

function stepNumbers(steps: number): number[] {
  const lr = 1e-2;
  return [
    lr / (1 - ATTRIBUTES.beta1 ** steps),
    1 / Math.sqrt(1 - ATTRIBUTES.beta2 ** steps),
    1 - lr * 0.1,
    CLIP,
  ];
}

/** The op on copies of its own. */
function stepOf(lists: One<tf.Tensor[]>): AdamwOutputs {
  return runUntaped(
    ops.adamw,
    {
      parameters: lists.parameter.map(owned),
      gradients: lists.gradient,
      m: lists.m.map(owned),
      v: lists.v.map(owned),
      step: tf.stack(lists.step),
    },
    ATTRIBUTES,
  );
}

function checkAdamw(shape: number[], gradient: OpInput, steps: number): void {
  const first = steps === 1;
  const zeros = { shape, values: new Array(tf.util.sizeFromShape(shape)).fill(0) };
  const m = first ? zeros : normal('m', shape);
  const v = first ? zeros : { shape, values: normal('v', shape).values.map((value) => value * value) };
  const step = { shape: [4], values: stepNumbers(steps) };
  for (const output of ['parameters', 'm', 'v'] as const) {
    checkOp({
      inputs: { parameter: normal('parameter', shape), gradient, m, v, step },
      run: (one) =>
        tf.tidy(() => {
          const lists = Object.fromEntries(Object.entries(one).map(([name, tensor]) => [name, [tensor]]));
          return stepOf(lists as One<tf.Tensor[]>)[output][0]!;
        }),
      reference: (values) => reference(values)[output],
      shape,
      gradients: [],
      tolerance: 5e-7,
      gradientTolerance: 0,
    });
  }
}

describeOps('adamw', () => {
  describe.each([1, 2, 1000])('step %d', (steps) => {
    it.each([[[1]], [[3, 5]], [[2, 3, 4]], [[65]]])('%j', (shape) =>
      checkAdamw(shape, normal('gradient', shape), steps),
    );
    it('gradients of 0, below ε and of ±100', () => {
      checkAdamw([12], pick('gradient', [12], [0, 1e-7, -1e-9, 100, -100]), steps);
    });
  });

  it('many tensors at once, each with its own step', () => {
    const shapes = [[3], [70, 300], [1], [33, 5], [9000]];
    const lists: One<tf.Tensor[]> = { parameter: [], gradient: [], m: [], v: [], step: [] };
    const expected = shapes.map((shape, i) => {
      const values = (name: string) => normal(`${name}${i}`, shape).values;
      const one = {
        parameter: values('parameter'),
        gradient: values('gradient'),
        m: values('m'),
        v: values('v').map((value) => value ** 2),
        step: stepNumbers(i + 1),
      };
      for (const [name, list] of Object.entries(lists)) {
        list.push(tf.tensor(one[name as keyof typeof one], name === 'step' ? [4] : shape));
      }
      const rounded = Object.entries(one).map(([name, list]) => [name, Float64Array.from(list, Math.fround)]);
      return reference(Object.fromEntries(rounded));
    });
    const outputs = stepOf(lists);
    for (const name of ['parameters', 'm', 'v'] as const) {
      expected.forEach((one, i) => {
        expect(outputs[name][i]!.shape).toEqual(shapes[i]);
        expectClose(outputs[name][i]!, one[name], 5e-7, `${name} ${i}`);
      });
    }
  });

  it('changes nothing that somebody else holds', () => {
    const array = Float32Array.from({ length: 256 }, (_, i) => i);
    const before = Array.from(array);
    const given = tf.tensor1d(array);
    const step = tf.tensor1d(stepNumbers(1));
    const zeros = () => [tf.zeros([256])];
    const after = (parameter: tf.Tensor) =>
      stepOf({ parameter: [parameter], gradient: [tf.ones([256])], m: zeros(), v: zeros(), step: [step] })
        .parameters[0]!;
    const once = after(given);
    expect(Array.from(array)).toEqual(before);
    expect(Array.from(given.dataSync())).toEqual(before);
    const read = once.dataSync();
    const values = Array.from(read);
    const clone = once.clone();
    const twice = after(once);
    expect(Array.from(read)).toEqual(values);
    expect(Array.from(clone.dataSync())).toEqual(values);
    expect(twice.dataSync()[0]).not.toBe(values[0]);
  });

  it('refuses tensors that are not its own, where it would change them', () => {
    const x = () => [tf.zeros([4])];
    const inputs = { parameters: x(), gradients: x(), m: x(), v: x(), step: tf.zeros([1, 4]) };
    const inPlace = owned(inputs.m[0]!) !== inputs.m[0];
    const step = () => runUntaped(ops.adamw, inputs, ATTRIBUTES);
    if (inPlace) expect(step).toThrow(/not owned/);
    else expect(step().m[0]!.shape).toEqual([4]);
  });
});
