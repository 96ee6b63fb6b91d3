import * as tf from '../../tf.js';
import type { WasmBackend } from '../backend.js';
import { heapView } from '../heap.js';

/** Elements of t where the condition holds, else of e; a condition of rank 1 may choose whole rows. */
export function select(
  backend: WasmBackend,
  condition: tf.TensorInfo,
  t: tf.TensorInfo,
  e: tf.TensorInfo,
): tf.TensorInfo {
  const out = backend.makeOutput([...t.shape], t.dtype);
  const [chosen, yes, no, to] = [heapView(condition), heapView(t), heapView(e), heapView(out)];
  const rows = condition.shape.length === 1 && t.shape.length > 1;
  const width = rows ? tf.util.sizeFromShape(t.shape.slice(1)) : 1;
  for (let i = 0; i < to.length; i++) {
    to[i] = chosen[width === 1 ? i : Math.floor(i / width)] ? yes[i]! : no[i]!;
  }
  return out;
}
