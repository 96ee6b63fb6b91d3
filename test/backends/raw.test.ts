import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import {
  bitcast,
  cast,
  executeOp,
  executeOpWithOutputs,
  readUint8,
  storedType,
  uint8Tensor,
} from '../../src/backends/tensorflow/raw.js';
import * as tf from '../../src/backends/tf.js';
import { testBackends } from '../helpers/backends.js';

describe.skipIf(!testBackends().includes('tensorflow'))("TensorFlow's own ops", () => {
  beforeAll(async () => {
    await selectBackend('tensorflow');
  });

  it('run with attributes of all kinds', () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect([...executeOp('MatMul', [x, x], { transpose_b: { bool: true } }).dataSync()]).toEqual([
      5, 11, 11, 25,
    ]);
    expect([...executeOp('LeakyRelu', [x.neg()], { alpha: { float: 0.5 } }).dataSync()]).toEqual([
      -0.5, -1, -1.5, -2,
    ]);
    expect(executeOp('Squeeze', [x.reshape([1, 2, 1, 2])], { squeeze_dims: { ints: [0, 2] } }).shape).toEqual(
      [2, 2],
    );
    const [a, b] = executeOpWithOutputs('Unpack', [x], { num: { int: 2 }, axis: { int: 0 } }, 2);
    expect([[...a!.dataSync()], [...b!.dataSync()]]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('refuse integers that are none, unknown ops and wrong inputs', () => {
    const x = tf.ones([2]);
    expect(() => executeOp('Unpack', [x], { num: { int: Number.NaN } })).toThrow(
      /num of op Unpack is not an integer/,
    );
    expect(() => executeOp('NoSuchOp', [x])).toThrow(/NoSuchOp/);
    expect(() => executeOp('MatMul', [x, x])).toThrow();
  });

  it('hold bytes', () => {
    for (const size of [0, 1, 3, 4, 256]) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => 255 - (i % 256));
      const packed = uint8Tensor(bytes, [size]);
      expect(storedType(packed)).toBe('uint8');
      expect([...cast(packed, 'int32').dataSync()]).toEqual([...bytes]);
      expect([...readUint8(packed)]).toEqual([...bytes]);
      packed.dispose();
    }
  });

  it('hold bfloat16, and refuse to read or add it', () => {
    const x = tf.tensor1d([1, -2.5, 3.1419]);
    const short = cast(x, 'bfloat16');
    expect(storedType(short)).toBe('bfloat16');
    expect([...cast(short, 'float32').dataSync()]).toEqual([1, -2.5, 3.140625]);
    expect(() => short.dataSync()).toThrow();
    expect(() => tf.add(short, x)).toThrow();
  });

  it('reinterpret bits', () => {
    const x = tf.tensor1d([1, -0, Number.POSITIVE_INFINITY]);
    expect([...bitcast(x, 'int32').dataSync()]).toEqual([0x3f800000, -0x80000000, 0x7f800000]);
    expect(bitcast(x, 'uint8').shape).toEqual([3, 4]);
  });

  it('free their memory', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      bitcast(cast(uint8Tensor(new Uint8Array(8), [8]), 'float32'), 'int32');
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gather checks indices', () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect([...tf.gather(x, tf.tensor1d([1, 0], 'int32')).dataSync()]).toEqual([3, 4, 1, 2]);
    expect([...tf.gather(x, tf.tensor1d([1, 0], 'int32'), 1).dataSync()]).toEqual([2, 1, 4, 3]);
    expect([...tf.gather(x, tf.tensor2d([[1], [0]], [2, 1], 'int32'), 1, 1).dataSync()]).toEqual([2, 3]);
    expect(() => tf.gather(x, tf.tensor1d([2], 'int32'))).toThrow(/not in \[0, 2\)/);
  });

  it('bitwiseAnd', () => {
    const x = tf.bitwiseAnd(tf.tensor1d([12, -1], 'int32'), tf.tensor1d([10, 255], 'int32'));
    expect([...x.dataSync()]).toEqual([8, 255]);
  });
});

describe('outside the tensorflow backend', () => {
  it('ops refuse to run', async () => {
    await selectBackend('wasm');
    expect(() => executeOp('Abs', [tf.ones([1])])).toThrow(/while the backend is 'wasm'/);
  });
});
