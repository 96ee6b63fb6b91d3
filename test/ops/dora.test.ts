import { it } from 'vitest';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput } from '../helpers/checkOp.js';
import { timesTransposed } from '../helpers/float64.js';

describeOps('dora', () => {
  it.each([
    { N: 5, inputs: 7, rank: 3, out: 4, scale: 2 },
    { N: 1, inputs: 1, rank: 1, out: 1, scale: 0.5 },
    { N: 3, inputs: 33, rank: 8, out: 17, scale: 16 / Math.sqrt(8) },
  ])('N=$N in=$inputs rank=$rank out=$out', ({ N, inputs, rank, out, scale }) => {
    const positive = (input: OpInput): OpInput => ({
      ...input,
      values: input.values.map((value) => 0.5 + Math.abs(value)),
    });
    checkOp({
      inputs: {
        base: normal('base', [N, out]),
        x: normal('x', [N, inputs]),
        a: normal('a', [rank, inputs]),
        b: normal('b', [out, rank]),
        magnitude: normal('magnitude', [out]),
        norm: positive(normal('norm', [out])),
      },
      run: (tensors) => run(ops.dora, tensors, { scale }),
      reference: ({ base, x, a, b, magnitude, norm }) =>
        timesTransposed(timesTransposed(x, a, inputs), b, rank).map(
          (y, i) => ((base[i]! + scale * y) * magnitude[i % out]!) / norm[i % out]!,
        ),
      shape: [N, out],
      gradients: ['base', 'x', 'a', 'b', 'magnitude'],
      tolerance: 1e-5,
      gradientTolerance: 1e-5,
    });
  });
});
