import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeBackends, describeOps } from '../helpers/backends.js';
import { checkKernel } from '../helpers/checkKernel.js';
import { checkOp, int32, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { logSoftmaxAt, rows, timesTransposed } from '../helpers/float64.js';

function checkCrossEntropy(logits: OpInput, labels: number[]): void {
  const [N, C] = logits.shape as [number, number];
  const count = labels.filter((label) => label >= 0).length;
  checkOp({
    inputs: { logits, labels: int32([N], labels) },
    run: (tensors) => run(ops.crossEntropy, tensors, {}),
    reference: (values) => {
      const losses = rows(values.logits, C).map((row, i) =>
        labels[i]! < 0 ? 0 : -logSoftmaxAt(row, labels[i]!),
      );
      return [losses.reduce((a, b) => a + b, 0) / Math.max(1, count)];
    },
    shape: [],
    gradients: ['logits'],
    tolerance: 1e-6,
    gradientTolerance: 1e-6,
  });
}

describeOps('crossEntropy', () => {
  it.each([
    { shape: [4, 3], labels: [0, 2, 1, 2] },
    { shape: [1, 2], labels: [1] },
    { shape: [3, 50], labels: [49, 0, 7] },
  ])('$shape, every row labelled', ({ shape, labels }) => checkCrossEntropy(normal('logits', shape), labels));

  it('rows without a label count for nothing', () => {
    checkCrossEntropy(normal('logits', [5, 4]), [-100, 3, -1, 0, -100]);
  });

  it('no row has a label: 0, and zero gradients', () => {
    checkCrossEntropy(normal('logits', [3, 4]), [-100, -100, -100]);
    const logits = tf.ones([2, 3]);
    const labels = tf.tensor1d([-100, -100], 'int32');
    const { value, gradients } = valueAndGradients(
      () => run(ops.crossEntropy, { logits, labels }, {}),
      [logits],
    );
    for (const tensor of [value, ...gradients]) {
      for (const entry of tensor.dataSync()) expect(Math.abs(entry)).toBe(0);
    }
  });

  it('±100', () => {
    checkCrossEntropy(pick('logits', [6, 4], [100, -100, 0, 99.5]), [0, 1, 2, 3, -100, 0]);
  });

  it('the likeliest and the unlikeliest label', () => {
    const logits = { shape: [2, 3], values: [100, -100, 0, 100, -100, 0] };
    checkCrossEntropy(logits, [0, 1]);
  });
});

function checkTokenLogProbs(
  hidden: OpInput,
  weight: OpInput,
  targets: number[],
  chunk: number,
  cap?: number,
): void {
  const [N, D] = hidden.shape as [number, number];
  const [V] = weight.shape as [number, number];
  const capped = (logit: number) => (cap === undefined ? logit : cap * Math.tanh(logit / cap));
  checkOp({
    inputs: { hidden, weight, targets: int32([N], targets) },
    run: (tensors) => run(ops.tokenLogProbs, tensors, { chunk, cap }),
    reference: (values) =>
      rows(timesTransposed(values.hidden, values.weight, D), V).map((row, i) =>
        logSoftmaxAt(row.map(capped), targets[i]!),
      ),
    shape: [N],
    gradients: ['hidden', 'weight'],
    tolerance: 1e-6,
    gradientTolerance: 3e-6,
  });
}

describeOps('tokenLogProbs', () => {
  describe.each([1, 2, 5, 64])('in chunks of %d', (chunk) => {
    it('5 rows', () =>
      checkTokenLogProbs(normal('hidden', [5, 3]), normal('weight', [7, 3]), [0, 6, 3, 3, 1], chunk));
    it('1 row, 2 tokens, 1 number', () =>
      checkTokenLogProbs(normal('hidden', [1, 1]), normal('weight', [2, 1]), [1], chunk));
    it('4 rows, a vocabulary of 65', () =>
      checkTokenLogProbs(normal('hidden', [4, 2]), normal('weight', [65, 2]), [64, 0, 33, 64], chunk));
    it('logits of ±400', () => {
      const hidden = pick('hidden', [5, 4], [10, -10, 0]);
      checkTokenLogProbs(hidden, pick('weight', [6, 4], [10, -10, 5]), [0, 1, 2, 3, 5], chunk);
    });
    it.each([0.5, 3, 30])('softly capped at %d', (cap) =>
      checkTokenLogProbs(normal('hidden', [5, 3]), normal('weight', [7, 3]), [0, 6, 3, 3, 1], chunk, cap),
    );
    it('logits of ±400 softly capped at 30', () => {
      const hidden = pick('hidden', [5, 4], [10, -10, 0]);
      checkTokenLogProbs(hidden, pick('weight', [6, 4], [10, -10, 5]), [0, 1, 2, 3, 5], chunk, 30);
    });
  });

  it('gives the same in any chunks', () => {
    const hidden = tf.tensor(normal('hidden', [9, 8]).values, [9, 8]);
    const weight = tf.tensor(normal('weight', [20, 8]).values, [20, 8]);
    const targets = tf.tensor1d([0, 3, 5, 19, 7, 7, 2, 11, 1], 'int32');
    const inChunks = (chunk: number) =>
      Array.from(run(ops.tokenLogProbs, { hidden, weight, targets }, { chunk }).dataSync());
    const whole = inChunks(9);
    for (const chunk of [1, 2, 4, 8, 100]) {
      inChunks(chunk).forEach((value, i) => {
        expect(Math.abs(value - whole[i]!)).toBeLessThanOrEqual(1e-6);
      });
    }
  });
});

describeBackends('tokenLogProbs at the sizes of models', (backend) => {
  it.runIf(backend === 'tensorflow').each([
    { N: 3, D: 40, V: 70_001, cap: undefined },
    { N: 70, D: 65, V: 1003, cap: 30 },
    // more rows than the logits of one chunk
    { N: 300, D: 8, V: 60_000, cap: undefined },
  ])('$N rows of $D, $V tokens, cap $cap', ({ N, D, V, cap }) => {
    const targets = tf.randomUniform([N], 0, V, 'int32', 3);
    checkKernel({
      inputs: {
        hidden: tf.randomNormal([N, D], 0, 1, 'float32', 1),
        weight: tf.randomNormal([V, D], 0, 1, 'float32', 2),
        targets,
      },
      run: (inputs) => run(ops.tokenLogProbs, inputs, { chunk: 64, cap }),
      gradients: ['hidden'],
      tolerance: 2e-5,
    });
  });
});
