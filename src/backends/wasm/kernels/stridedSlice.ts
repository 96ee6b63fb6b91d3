import * as tf from '../../tf.js';
import type { WasmBackend } from '../backend.js';
import { heapView } from '../heap.js';
import { slice } from './slice.js';

/** Every so manieth element along each axis. tfjs's own kernel calls every result float32. */
export function stridedSlice(
  backend: WasmBackend,
  x: tf.TensorInfo,
  attributes: tf.StridedSliceAttrs,
): tf.TensorInfo {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const info = tf.slice_util.sliceInfo(
    x.shape,
    begin,
    end,
    strides,
    beginMask,
    endMask,
    ellipsisMask,
    newAxisMask,
    shrinkAxisMask,
  );
  if (info.finalShapeSparse.includes(0)) return backend.makeOutput(info.finalShape, x.dtype);
  if (info.strides.every((stride) => stride === 1)) {
    const sizes = info.begin.map((start, axis) => info.end[axis]! - start);
    return { ...slice(backend, x, info.begin, sizes), shape: info.finalShape };
  }
  const shape = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
  const out = backend.makeOutput(info.finalShape, x.dtype);
  const [from, to] = [heapView(x), heapView(out)];
  const steps = tf.util.computeStrides(x.shape);
  if (steps.length < x.shape.length) steps.push(1);
  let at = info.begin.reduce((sum, start, axis) => sum + start * steps[axis]!, 0);
  const counters = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += info.strides[axis]! * steps[axis]!;
      counters[axis]! += 1;
      if (counters[axis]! < shape[axis]!) break;
      at -= shape[axis]! * info.strides[axis]! * steps[axis]!;
      counters[axis] = 0;
    }
  }
  return out;
}
