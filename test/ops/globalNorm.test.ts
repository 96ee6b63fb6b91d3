import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { runUntaped } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { normal } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';

describeOps('globalNorm', () => {
  it.each([[[[1]]], [[[3, 5], [2]]], [[[70, 300], [1], [9000]]]])('%j', (shapes) => {
    const values = shapes.map((shape, i) => normal(`x${i}`, shape).values);
    const tensors = shapes.map((shape, i) => tf.tensor(values[i]!, shape));
    const before = tf.memory().numTensors;
    const norm = runUntaped(ops.globalNorm, { tensors }, {});
    expect(norm.shape).toEqual([]);
    expect(tf.memory().numTensors).toBe(before + 1);
    const squares = values.flat().reduce((sum, value) => sum + Math.fround(value) ** 2, 0);
    expectClose(norm, [Math.sqrt(squares)], 3e-7);
  });
});
