import type * as tf from '../../tf.js';
import type { WasmBackend } from '../backend.js';
import { heapView } from '../heap.js';

/** Functions of one tensor, element by element, for which tfjs's own kernel is wrong or too coarse. */
export function elementwise(
  backend: WasmBackend,
  x: tf.TensorInfo,
  f: (value: number) => number,
  dtype: tf.DataType = x.dtype,
): tf.TensorInfo {
  const out = backend.makeOutput([...x.shape], dtype);
  const from = heapView(x);
  const to = heapView(out);
  for (let i = 0; i < from.length; i++) to[i] = f(from[i]!);
  return out;
}

/** Exact for all int32, where tfjs's own kernel goes through float32. Broadcasts. */
export function floorDivInt32(
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  shape: number[],
): tf.TensorInfo {
  const out = backend.makeOutput(shape, 'int32');
  const [x, y, to] = [heapView(a), heapView(b), heapView(out)];
  const xStrides = broadcastStrides(a.shape, shape);
  const yStrides = broadcastStrides(b.shape, shape);
  const counters = new Array<number>(shape.length).fill(0);
  let [i, j] = [0, 0];
  for (let k = 0; k < to.length; k++) {
    to[k] = Math.floor(x[i]! / y[j]!);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      i += xStrides[axis]!;
      j += yStrides[axis]!;
      counters[axis]! += 1;
      if (counters[axis]! < shape[axis]!) break;
      i -= shape[axis]! * xStrides[axis]!;
      j -= shape[axis]! * yStrides[axis]!;
      counters[axis] = 0;
    }
  }
  return out;
}

/** How far to move in a tensor per step along each axis of the shape that it is broadcast to. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = new Array<number>(to.length).fill(0);
  let stride = 1;
  for (let axis = from.length - 1; axis >= 0; axis--) {
    if (from[axis] !== 1) strides[axis + to.length - from.length] = stride;
    stride *= from[axis]!;
  }
  return strides;
}
