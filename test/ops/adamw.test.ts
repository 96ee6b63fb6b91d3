import { describe, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import type { AdamwInputs } from '../../src/ops/adamw.js';
import { runUntaped } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';

const ATTRIBUTES = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6 };

/** Loshchilov & Hutter 2019, algorithm 2, with [lr / (1 − β1ᵗ), 1 / √(1 − β2ᵗ), 1 − lr·λ] given. */
function reference(values: Record<keyof AdamwInputs, Float64Array>): [number[], number[], number[]] {
  const { beta1, beta2, epsilon } = ATTRIBUTES;
  const [stepSize, correction, decay] = values.step as unknown as [number, number, number];
  const m = Array.from(values.m, (old, i) => beta1 * old + (1 - beta1) * values.gradient[i]!);
  const v = Array.from(values.v, (old, i) => beta2 * old + (1 - beta2) * values.gradient[i]! ** 2);
  const parameter = Array.from(values.parameter, (old, i) => {
    return old * decay - (stepSize * m[i]!) / (Math.sqrt(v[i]!) * correction + epsilon);
  });
  return [parameter, m, v];
}

function checkAdamw(shape: number[], gradient: OpInput, steps: number): void {
  const lr = 1e-2;
  const step = {
    shape: [3],
    values: [
      lr / (1 - ATTRIBUTES.beta1 ** steps),
      1 / Math.sqrt(1 - ATTRIBUTES.beta2 ** steps),
      1 - lr * 0.1,
    ],
  };
  const first = steps === 1;
  const zeros = { shape, values: new Array(tf.util.sizeFromShape(shape)).fill(0) };
  const m = first ? zeros : normal('m', shape);
  const v = first ? zeros : { shape, values: normal('v', shape).values.map((value) => value * value) };
  ['parameter', 'm', 'v'].forEach((_name, i) => {
    checkOp({
      inputs: { parameter: normal('parameter', shape), gradient, m, v, step },
      run: (tensors) => {
        const outputs = runUntaped(ops.adamw, tensors, ATTRIBUTES);
        outputs.forEach((output, o) => {
          if (o !== i) output.dispose();
        });
        return outputs[i]!;
      },
      reference: (values) => reference(values)[i]!,
      shape,
      gradients: [],
      tolerance: 5e-7,
      gradientTolerance: 0,
    });
  });
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
});
