import type * as tf from '../../tf.js';
import { int32View } from '../heap.js';

/** Refuses indices outside `shape`: tfjs's own kernels would read or write other tensors' memory there. */
export function checkIndices(op: string, indices: tf.TensorInfo, shape: readonly number[]): void {
  const depth = indices.shape.length === 0 ? 1 : indices.shape.at(-1)!;
  const values = int32View(indices);
  for (let i = 0; i < values.length; i++) {
    const size = shape[i % depth]!;
    if (values[i]! < 0 || values[i]! >= size) {
      throw new Error(`${op}: index ${values[i]} is not in [0, ${size}) on axis ${i % depth}`);
    }
  }
}
