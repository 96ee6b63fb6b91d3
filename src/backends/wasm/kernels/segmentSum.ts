import * as tf from '../../tf.js';
import type { WasmBackend } from '../backend.js';
import { float32View, heapView, int32View } from '../heap.js';

/** out[s] = the sum of the rows of x whose segment is s; rows of a negative segment are left out. */
export function unsortedSegmentSum(
  backend: WasmBackend,
  x: tf.TensorInfo,
  segmentIds: tf.TensorInfo,
  numSegments: number,
): tf.TensorInfo {
  const rowShape = x.shape.slice(segmentIds.shape.length);
  const width = tf.util.sizeFromShape(rowShape);
  const out = backend.makeOutput([numSegments, ...rowShape], x.dtype);
  const ids = int32View(segmentIds);
  const source = x.dtype === 'float32' ? float32View(x) : heapView(x);
  const target = heapView(out);
  target.fill(0);
  for (let row = 0; row < ids.length; row++) {
    const id = ids[row]!;
    if (id < 0) continue;
    if (id >= numSegments) {
      backend.disposeData(out.dataId as object);
      throw new Error(`unsortedSegmentSum: segment ${id} is not below ${numSegments}`);
    }
    const from = row * width;
    const to = id * width;
    for (let i = 0; i < width; i++) target[to + i]! += source[from + i]!;
  }
  return out;
}
