import * as tf from '../backends/tf.js';
import { native, type Op } from './op.js';
import { crossEntropyKernel } from './tensorflow/crossEntropy.js';

export type CrossEntropyInputs = {
  /** [N, C] */
  logits: tf.Tensor;
  /** int32 [N]; a negative label leaves its row out */
  labels: tf.Tensor;
};

/** Mean of −log softmax(logits)[label] over the rows that have a label; 0 where none has. */
export const crossEntropy: Op<CrossEntropyInputs, Record<never, never>> = {
  keepsOutput: false,
  kernels: { tensorflow: native(crossEntropyKernel), wasm: null, cpu: null },
  forward({ logits, labels }) {
    const { target, count } = targets(labels, logits.shape[1]!);
    return tf.neg(tf.div(tf.sum(tf.mul(tf.logSoftmax(logits), target)), count)) as tf.Scalar;
  },
  gradient(dy, { logits, labels }) {
    const { target, labelled, count } = targets(labels, logits.shape[1]!);
    const difference = tf.sub(tf.mul(tf.softmax(logits), labelled), target);
    return { logits: tf.mul(difference, tf.div(dy, count)) };
  },
};

function targets(labels: tf.Tensor, classes: number) {
  const labelled = tf.cast(tf.greaterEqual(labels, 0), 'float32').expandDims(1);
  // oneHot of a negative index is a row of zeros
  const target = tf.cast(tf.oneHot(labels as tf.Tensor1D, classes), 'float32');
  return { target, labelled, count: tf.maximum(tf.sum(labelled), 1) };
}
