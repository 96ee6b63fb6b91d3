import * as tf from '../../tf.js';
import { offsetOf, type WasmBackend } from '../backend.js';
import { int32View } from '../heap.js';

/** Rows of x along an axis, by index. tfjs's own kernel copies the indices out and makes two tensors more. */
export function gather(
  backend: WasmBackend,
  x: tf.TensorInfo,
  indices: tf.TensorInfo,
  axis: number,
  batchDims: number,
): tf.TensorInfo {
  const parsedAxis = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } =
    tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      parsedAxis,
      batchDims,
    );
  const out = backend.makeOutput(outputShape, x.dtype);
  const wanted = int32View(indices);
  const perBatch = wanted.length / Math.max(batchSize, 1);
  const bytes = sliceSize * tf.util.bytesPerElement(x.dtype);
  const heap = backend.wasm.HEAPU8;
  const words = bytes === 4 ? new Int32Array(heap.buffer) : undefined;
  const from = offsetOf(backend, x);
  let to = offsetOf(backend, out);
  for (let batch = 0; batch < batchSize; batch++) {
    for (let outer = 0; outer < outerSize; outer++) {
      const start = from + (batch * outerSize + outer) * dimSize * bytes;
      for (let i = 0; i < perBatch; i++) {
        const index = wanted[batch * perBatch + i]!;
        if (index < 0 || index >= dimSize) {
          backend.disposeData(out.dataId as object);
          throw new Error(`gather: index ${index} is not in [0, ${dimSize})`);
        }
        const at = start + index * bytes;
        if (words) words[to >>> 2] = words[at >>> 2]!;
        else heap.copyWithin(to, at, at + bytes);
        to += bytes;
      }
    }
  }
  return out;
}
