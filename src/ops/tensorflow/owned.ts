import { hasKernelLibrary } from '../../backends/tensorflow/kernelLibrary.js';
import { executeOp, sharers } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';

/** Tensors that were copied to be changed. */
const copies = new WeakSet<tf.Tensor>();

/**
 * The tensor itself if an op may change it in place, else a copy that it may change. TensorFlow's tensors share
 * memory with their clones and with the typed arrays that they were made from, so the first time it is a copy, and
 * again once a clone was taken. (`reshape` shares memory, too, and cannot be seen from here.) Where no op of ours
 * changes anything in place, it is always the tensor itself.
 */
export function owned(tensor: tf.Tensor): tf.Tensor {
  if (!changesInPlace() || isOwned(tensor)) return tensor;
  const copy = executeOp('DeepCopy', [tensor]);
  copies.add(copy);
  return copy;
}

/** Whether ops of the current backend change tensors in place. */
export function changesInPlace(): boolean {
  return tf.getBackend() === 'tensorflow' && hasKernelLibrary();
}

function isOwned(tensor: tf.Tensor): boolean {
  return copies.has(tensor) && sharers(tensor) === 1;
}

/** For kernels that change their inputs. @throws Error on one that somebody else may be reading */
export function requireOwned(tensors: readonly tf.Tensor[]): void {
  if (!tensors.every(isOwned)) throw new Error('an op was to change a tensor that is not owned');
}
