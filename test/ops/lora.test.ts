import { it } from 'vitest';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { timesTransposed } from '../helpers/float64.js';

function checkLora(x: OpInput, a: OpInput, b: OpInput, scale: number): void {
  const [N, inputs] = x.shape as [number, number];
  const [out, rank] = b.shape as [number, number];
  checkOp({
    inputs: { x, a, b },
    run: (tensors) => run(ops.lora, tensors, { scale }),
    reference: (values) =>
      timesTransposed(timesTransposed(values.x, values.a, inputs), values.b, rank).map((y) => y * scale),
    shape: [N, out],
    gradients: ['x', 'a', 'b'],
    tolerance: 5e-6,
    gradientTolerance: 5e-6,
  });
}

describeOps('lora', () => {
  it.each([
    { N: 5, inputs: 7, rank: 3, out: 4, scale: 2 },
    { N: 1, inputs: 1, rank: 1, out: 1, scale: 0.5 },
    { N: 3, inputs: 33, rank: 8, out: 17, scale: 16 / Math.sqrt(8) },
    { N: 1, inputs: 6, rank: 4, out: 9, scale: 1 },
  ])('$N rows, $inputs → $rank → $out, scale $scale', ({ N, inputs, rank, out, scale }) => {
    checkLora(normal('x', [N, inputs]), normal('a', [rank, inputs]), normal('b', [out, rank]), scale);
  });

  it('B zero, as an adapter begins', () => {
    checkLora(normal('x', [3, 4]), normal('a', [2, 4]), { shape: [5, 2], values: new Array(10).fill(0) }, 2);
  });

  it('±100', () => {
    const wide = [100, -100, 50, 0];
    checkLora(pick('x', [4, 6], wide), pick('a', [2, 6], wide), pick('b', [3, 2], [1, -1, 2]), 0.5);
  });
});
