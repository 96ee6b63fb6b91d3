import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import {
  float32View,
  floatKernel,
  heapKernel,
  heapKernels,
  heapView,
  int32View,
} from '../../src/backends/wasm/heap.js';

for (const backend of ['wasm', 'cpu'] as const) {
  describe(`kernels on the heap (${backend})`, () => {
    beforeAll(async () => {
      await selectBackend(backend);
    });

    it('read their inputs and fill their output', () => {
      const [a, b] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([10, 20, 30])];
      const sum = floatKernel([a, b], [3], ([x, y], out) => {
        for (let i = 0; i < out.length; i++) out[i] = x![i]! + y![i]!;
      });
      expect([...sum.dataSync()]).toEqual([11, 22, 33]);
      expect(sum.shape).toEqual([3]);
      expect([...sum.add(1).dataSync()]).toEqual([12, 23, 34]);
    });

    it('have several outputs of several types', () => {
      const x = tf.tensor1d([1.5, -2.5]);
      const [floor, negative] = heapKernels(
        [x],
        [
          { shape: [2], dtype: 'int32' },
          { shape: [2, 1], dtype: 'bool' },
        ],
        ([values], [whole, signs]) => {
          values!.forEach((value, i) => {
            whole[i] = Math.floor(value);
            signs[i] = value < 0 ? 1 : 0;
          });
        },
      );
      expect([...floor!.dataSync()]).toEqual([1, -3]);
      expect([...negative!.dataSync()]).toEqual([0, 1]);
      expect([floor!.dtype, negative!.dtype, negative!.shape]).toEqual(['int32', 'bool', [2, 1]]);
    });

    it('see values and not copies', () => {
      const x = tf.tensor1d([1, 2]);
      float32View(x)[1] = 7;
      expect([...x.dataSync()]).toEqual([1, 7]);
    });

    it('survive growth of the heap between allocation and use', () => {
      const x = tf.ones([4]);
      const out = heapKernel([x], [4 << 20], 'float32', ([values], target) => {
        target.fill(values![3]!);
      });
      expect(out.sum().dataSync()[0]).toBe(4 << 20);
      out.dispose();
    });

    it('take and make empty tensors', () => {
      const out = floatKernel([tf.zeros([0, 3])], [3, 0], ([values], target) => {
        expect([values!.length, target.length]).toEqual([0, 0]);
      });
      expect(out.shape).toEqual([3, 0]);
    });

    it('free their memory with the tensor', () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        floatKernel([], [1000], (_, out) => out.fill(1));
      });
      expect(tf.memory().numTensors).toBe(before);
    });

    it('refuse a wrong type', () => {
      expect(() => float32View(tf.tensor1d([1], 'int32'))).toThrow(/float32/);
      expect(() => int32View(tf.tensor1d([1]))).toThrow(/int32/);
      expect(() => heapView(tf.tensor1d(['a']))).toThrow();
    });
  });
}

describe('the heap of wasm', () => {
  it('says when it is full', async () => {
    await selectBackend('wasm');
    const x = tf.tensor1d([1, 2, 3]);
    expect(() => tf.zeros([2 ** 30 + 64])).toThrow(/out of memory/);
    expect([...x.dataSync()]).toEqual([1, 2, 3]);
    expect(tf.ones([10]).sum().dataSync()[0]).toBe(10);
  });
});
