import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { timesTransposed } from '../helpers/float64.js';

function checkLinear(x: OpInput, weight: OpInput): void {
  const [[N, D], [out]] = [x.shape as [number, number], weight.shape as [number]];
  checkOp({
    inputs: { x, weight, bias: normal('bias', [out]) },
    run: (tensors) => run(ops.linear, tensors, {}),
    reference: (values) =>
      timesTransposed(values.x, values.weight, D).map((product, i) => product + values.bias[i % out]!),
    shape: [N, out],
    gradients: ['x', 'weight', 'bias'],
    tolerance: 2e-6,
    gradientTolerance: 5e-6,
  });
}

describeOps('linear', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 2],
    [1, 7, 19],
    [20, 3, 33],
    [5, 33, 16],
  ])('%d rows, %d to %d', (N, inputs, out) =>
    checkLinear(normal('x', [N, inputs]), normal('weight', [out, inputs])),
  );
  it('±100', () => checkLinear(pick('x', [4, 6], [100, -100, 0]), pick('weight', [5, 6], [100, -100, 1e-3])));
  it('leaves its inputs as they are', () => {
    const [x, weight, bias] = [tf.ones([2, 3]), tf.ones([4, 3]), tf.ones([4])];
    const first = Array.from(run(ops.linear, { x, weight, bias }, {}).dataSync());
    expect(Array.from(run(ops.linear, { x, weight, bias }, {}).dataSync())).toEqual(first);
    for (const tensor of [x, weight, bias])
      expect(tensor.dataSync().every((value) => value === 1)).toBe(true);
  });
});
