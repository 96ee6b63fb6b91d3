import { describe, it } from 'vitest';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { rows } from '../helpers/float64.js';

const SHAPES = [[7], [1, 1], [3, 5], [2, 3, 8], [1, 2, 3, 4], [5, 33]];
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

describeOps('rmsNorm', () => {
  describe.each([0, 1])('offset %d', (offset) => {
    it.each(SHAPES)('[%s, %s, %s, %s]', (...shape) => {
      checkRmsNorm(normal('x', shape.filter(Boolean)), 1e-6, offset);
    });
    it('±100 and zeros', () => checkRmsNorm(pick('x', [6, 8], EXTREMES), 1e-6, offset));
    it('rows of zeros', () => checkRmsNorm({ shape: [2, 3], values: [0, 0, 0, 1, 2, -1] }, 1e-5, offset));
  });
});

describeOps('layerNorm', () => {
  it.each(SHAPES)('[%s, %s, %s, %s]', (...shape) => checkLayerNorm(normal('x', shape.filter(Boolean)), 1e-7));
  it('±100 and zeros', () => checkLayerNorm(pick('x', [6, 8], EXTREMES), 1e-7));
  it('rows of one value', () => checkLayerNorm({ shape: [2, 3], values: [0, 0, 0, 100, 100, 100] }, 1e-5));
});
