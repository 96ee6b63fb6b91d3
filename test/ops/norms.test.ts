import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import type { DropoutAttributes } from '../../src/ops/dropout.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { keeping } from '../helpers/dropout.js';
import { rows } from '../helpers/float64.js';

const SHAPES = [[7], [1, 1], [3, 5], [2, 3, 8], [1, 2, 3, 4], [5, 33], [37, 3], [1, 65]];
const EXTREMES = [100, -100, 0, 1e-3, 50];

const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;

function normalised(
  x: Float64Array,
  width: number,
  epsilon: number,
  centre: boolean,
  scale: (value: number, column: number) => number,
): number[] {
  return rows(x, width).flatMap((row) => {
    const middle = centre ? mean(row) : 0;
    const size = Math.sqrt(mean(row.map((value) => (value - middle) ** 2)) + epsilon);
    return Array.from(row, (value, column) => scale((value - middle) / size, column));
  });
}

function checkRmsNorm(x: OpInput, epsilon: number, offset: number): void {
  const D = x.shape.at(-1)!;
  checkOp({
    inputs: { x, weight: normal('weight', [D]) },
    run: (inputs) => run(ops.rmsNorm, inputs, { epsilon, offset }),
    reference: (values) =>
      normalised(values.x, D, epsilon, false, (value, c) => value * (offset + values.weight[c]!)),
    shape: x.shape,
    gradients: ['x', 'weight'],
    tolerance: 1e-6,
    gradientTolerance: 5e-6,
  });
}

function checkLayerNorm(x: OpInput, epsilon: number): void {
  const D = x.shape.at(-1)!;
  checkOp({
    inputs: { x, weight: normal('weight', [D]), bias: normal('bias', [D]) },
    run: (inputs) => run(ops.layerNorm, inputs, { epsilon }),
    reference: (values) =>
      normalised(values.x, D, epsilon, true, (value, c) => value * values.weight[c]! + values.bias[c]!),
    shape: x.shape,
    gradients: ['x', 'weight', 'bias'],
    tolerance: 2e-6,
    gradientTolerance: 1e-5,
  });
}

function checkRmsNormAdded(x: OpInput): void {
  const D = x.shape.at(-1)!;
  checkOp({
    inputs: { x, weight: normal('weight', [D]), residual: normal('residual', x.shape) },
    run: (inputs) => run(ops.rmsNorm, inputs, { epsilon: 1e-6, offset: 1 }),
    reference: (values) =>
      normalised(values.x, D, 1e-6, false, (value, c) => value * (1 + values.weight[c]!)).map(
        (value, i) => value + values.residual[i]!,
      ),
    shape: x.shape,
    gradients: ['x', 'weight', 'residual'],
    tolerance: 1e-6,
    gradientTolerance: 5e-6,
  });
}

function checkLayerNormOfSum(x: OpInput, residual: OpInput, dropout?: DropoutAttributes): void {
  const D = x.shape.at(-1)!;
  checkOp({
    inputs: { x, weight: normal('weight', [D]), bias: normal('bias', [D]), residual },
    run: (inputs) => run(ops.layerNorm, inputs, { epsilon: 1e-5, dropout }),
    reference: (values) => {
      const summed = values.x.map((value, i) => value * keeping(dropout)(i) + values.residual[i]!);
      return normalised(summed, D, 1e-5, true, (value, c) => value * values.weight[c]! + values.bias[c]!);
    },
    shape: x.shape,
    gradients: ['x', 'weight', 'bias', 'residual'],
    tolerance: 2e-6,
    gradientTolerance: 1e-5,
  });
}

function checkLayerNormDropped(x: OpInput, dropout: DropoutAttributes): void {
  const D = x.shape.at(-1)!;
  checkOp({
    inputs: { x, weight: normal('weight', [D]), bias: normal('bias', [D]) },
    run: (inputs) => run(ops.layerNorm, inputs, { epsilon: 1e-5, dropout }),
    reference: (values) => {
      const dropped = values.x.map((value, i) => value * keeping(dropout)(i));
      return normalised(dropped, D, 1e-5, true, (value, c) => value * values.weight[c]! + values.bias[c]!);
    },
    shape: x.shape,
    gradients: ['x', 'weight', 'bias'],
    tolerance: 2e-6,
    gradientTolerance: 1e-5,
  });
}

describeOps('rmsNorm', () => {
  describe.each([0, 1])('offset %d', (offset) => {
    it.each(SHAPES)('[%s, %s, %s, %s]', (...shape) => {
      checkRmsNorm(normal('x', shape.filter(Boolean)), 1e-6, offset);
    });
    it('±100 and zeros', () => checkRmsNorm(pick('x', [6, 8], EXTREMES), 1e-6, offset));
    it('rows of zeros', () => checkRmsNorm({ shape: [2, 3], values: [0, 0, 0, 1, 2, -1] }, 1e-5, offset));
  });
  it.each([[[1, 1]], [[3, 5]], [[2, 3, 33]], [[19, 16]]])('%j with a residual', (shape) =>
    checkRmsNormAdded(normal('x', shape)),
  );
  it('±100 with a residual', () => checkRmsNormAdded(pick('x', [6, 8], EXTREMES)));
});

describeOps('layerNorm', () => {
  it.each(SHAPES)('[%s, %s, %s, %s]', (...shape) => checkLayerNorm(normal('x', shape.filter(Boolean)), 1e-7));
  it('±100 and zeros', () => checkLayerNorm(pick('x', [6, 8], EXTREMES), 1e-7));
  it('rows of one value', () => checkLayerNorm({ shape: [2, 3], values: [0, 0, 0, 100, 100, 100] }, 1e-5));

  // odd widths begin rows in the middle of a random word
  describe.each([[[1, 3]], [[5, 7]], [[2, 3, 33]], [[4, 64]], [[19, 5]]])('%j', (shape) => {
    const [x, residual] = [normal('x', shape), normal('residual', shape)];
    it('with a residual', () => checkLayerNormOfSum(x, residual));
    it('with dropout', () => checkLayerNormDropped(x, { rate: 0.3, key: 8 }));
    it.each([0, 0.1, 0.75])('with a residual and dropout of %d', (rate) =>
      checkLayerNormOfSum(x, residual, { rate, key: -5 }),
    );
  });
  it('±100 with a residual and dropout', () => {
    const [x, residual] = [pick('x', [6, 9], EXTREMES), pick('residual', [6, 9], EXTREMES)];
    checkLayerNormOfSum(x, residual, { rate: 0.5, key: 3 });
  });
});

describeOps('norms of many rows', () => {
  it.each(['rmsNorm', 'layerNorm'] as const)(
    '%s: the gradients of weights have the same bits each time',
    (op) => {
      const [rows, D] = [700, 40];
      const x = tf.tensor(normal('x', [rows, D]).values, [rows, D]);
      const [weight, bias] = [tf.ones([D]), tf.zeros([D])];
      const gradient = () => {
        const { value, gradients } = valueAndGradients(
          () =>
            op === 'rmsNorm'
              ? run(ops.rmsNorm, { x, weight }, { epsilon: 1e-6, offset: 0 })
              : run(ops.layerNorm, { x, weight, bias }, { epsilon: 1e-6 }),
          [weight],
          x,
        );
        value.dispose();
        return Array.from(gradients[0]!.dataSync());
      };
      const first = gradient();
      for (let i = 0; i < 5; i++) expect(gradient()).toEqual(first);
    },
  );

  it('no rows', () => {
    const x = tf.zeros([0, 4]);
    expect(run(ops.rmsNorm, { x, weight: tf.ones([4]) }, { epsilon: 1e-6, offset: 0 }).shape).toEqual([0, 4]);
  });
});
