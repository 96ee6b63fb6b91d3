import { readUint8, uint8Tensor } from '../backends/tensorflow/raw.js';
import * as tf from '../backends/tf.js';

/**
 * Bytes on the device, a list of them. TensorFlow holds uint8; tfjs has no such type, so elsewhere four share an
 * int32. It may share `values` with the caller, who must not write to them again.
 */
export function byteTensor(values: Uint8Array): tf.Tensor {
  if (tf.getBackend() === 'tensorflow') return uint8Tensor(values, [values.length]);
  const padded = new Uint8Array(4 * Math.ceil(values.length / 4));
  padded.set(values);
  return tf.tensor1d(new Int32Array(padded.buffer), 'int32');
}

/** The first `size` bytes of such a tensor. */
export function readBytes(tensor: tf.Tensor, size: number): Uint8Array {
  if (tf.getBackend() === 'tensorflow') return readUint8(tensor).subarray(0, size);
  const words = tensor.dataSync() as Int32Array;
  return new Uint8Array(words.buffer, words.byteOffset, size);
}
