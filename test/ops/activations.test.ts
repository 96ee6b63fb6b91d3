import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import type { GeluAttributes } from '../../src/ops/gelu.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';
import { erf } from '../helpers/float64.js';

const EXTREMES = [100, -100, 30, -30, 10, -10, 5, -5, 3, -3, 0.5, -0.5, 1e-4, 0];

const GELU = {
  none: (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  tanh: (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

function checkGelu(x: OpInput, approximate: GeluAttributes['approximate']): void {
  checkOp({
    inputs: { x },
    run: (inputs) => run(ops.gelu, inputs, { approximate }),
    reference: (values) => values.x.map(GELU[approximate]),
    shape: x.shape,
    gradients: ['x'],
    tolerance: 1e-6,
    gradientTolerance: 1e-6,
  });
}

function checkGeglu(gate: OpInput, up: OpInput, approximate: GeluAttributes['approximate']): void {
  checkOp({
    inputs: { gate, up },
    run: (inputs) => run(ops.geglu, inputs, { approximate }),
    reference: (values) => values.gate.map((g, i) => GELU[approximate](g) * values.up[i]!),
    shape: gate.shape,
    gradients: ['gate', 'up'],
    tolerance: 1e-6,
    gradientTolerance: 1e-6,
  });
}

describe.each(['none', 'tanh'] as const)('approximate: %s', (approximate) => {
  describeOps('gelu', () => {
    it.each([[[3, 5]], [[1]], [[2, 3, 4]], [[67]]])('%j', (shape) =>
      checkGelu(normal('x', shape), approximate),
    );
    it('±100 to 0', () => checkGelu({ shape: [EXTREMES.length], values: EXTREMES }, approximate));
    it('value and slope everywhere from −12 to 12', () => {
      const values = Array.from({ length: 4801 }, (_, i) => (i - 2400) / 200);
      const x = tf.tensor1d(values);
      const { value, gradients } = valueAndGradients(() => run(ops.gelu, { x }, { approximate }), [x]);
      const exact = GELU[approximate];
      expectClose(value, values.map(exact), 1e-6, 'value');
      const slopes = values.map((at) => {
        const f = (step: number) => exact(at + step) - exact(at - step);
        return (8 * f(1e-3) - f(2e-3)) / 12e-3;
      });
      expectClose(gradients[0]!, slopes, 1e-6, 'slope');
    });
    it('NaN stays, infinity is kept on one side', () => {
      const x = tf.tensor1d([Number.NaN, Number.POSITIVE_INFINITY, 1e30, -1e30]);
      const y = run(ops.gelu, { x }, { approximate }).dataSync();
      expect(y[0]).toBeNaN();
      expect(y[1]).toBe(Number.POSITIVE_INFINITY);
      expect(y[2]).toBe(Math.fround(1e30));
      expect(Math.abs(y[3]!)).toBe(0);
    });
  });

  describeOps('geglu', () => {
    it.each([[[3, 5]], [[1]], [[2, 3, 4]], [[67]]])('%j', (shape) =>
      checkGeglu(normal('gate', shape), normal('up', shape), approximate),
    );
    it('±100 to 0', () => {
      const up = pick('up', [EXTREMES.length], [2, -2, 0, 0.5]);
      checkGeglu({ shape: [EXTREMES.length], values: EXTREMES }, up, approximate);
    });
    it('±100 on both sides', () => {
      const [gate, up] = [pick('gate', [40], [100, -100, 0]), pick('up', [40], [100, -100, 0])];
      checkGeglu(gate, up, approximate);
    });
  });
});
