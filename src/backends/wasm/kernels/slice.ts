import * as tf from '../../tf.js';
import { offsetOf, type WasmBackend } from '../backend.js';

/** A block of x. tfjs's own kernel copies all of x first. */
export function slice(
  backend: WasmBackend,
  x: tf.TensorInfo,
  begin: number | number[],
  size: number | number[],
): tf.TensorInfo {
  const [starts, sizes] = tf.slice_util.parseSliceParams(x as tf.Tensor, begin, size) as [number[], number[]];
  tf.slice_util.assertParamsValid(x as tf.Tensor, starts, sizes);
  const out = backend.makeOutput(sizes, x.dtype);
  if (tf.util.sizeFromShape(sizes) === 0) return out;
  const rank = sizes.length;
  const strides = new Array<number>(rank).fill(tf.util.bytesPerElement(x.dtype));
  for (let axis = rank - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * x.shape[axis + 1]!;
  // The axes from `whole` on are taken whole, so that a run along the one before them is contiguous.
  let whole = rank;
  while (whole > 0 && sizes[whole - 1] === x.shape[whole - 1]) whole--;
  const run = Math.max(whole - 1, 0);
  const bytes = rank === 0 ? tf.util.bytesPerElement(x.dtype) : sizes[run]! * strides[run]!;
  const heap = backend.wasm.HEAPU8;
  let from = offsetOf(backend, x);
  let to = offsetOf(backend, out);
  for (let axis = 0; axis < rank; axis++) from += starts[axis]! * strides[axis]!;
  const counters = new Array<number>(run).fill(0);
  for (;;) {
    heap.copyWithin(to, from, from + bytes);
    to += bytes;
    let axis = run - 1;
    for (; axis >= 0; axis--) {
      from += strides[axis]!;
      counters[axis]! += 1;
      if (counters[axis]! < sizes[axis]!) break;
      from -= sizes[axis]! * strides[axis]!;
      counters[axis] = 0;
    }
    if (axis < 0) return out;
  }
}
