import * as tf from '../../src/backends/tf.js';
import type { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import type { CausalBatch } from '../../src/models/gemma/model.js';

/** The batch of a golden file, padded on the right, and its labels. */
export function readBatch(golden: SafetensorsFile): { batch: CausalBatch; labels: Int32Array } {
  const ints = (key: string): tf.Tensor => tf.tensor(golden.ints(key), golden.info(key).shape, 'int32');
  const inputIds = ints('input_ids') as tf.Tensor2D;
  const [B, T] = inputIds.shape;
  const segments = tf.sub<tf.Tensor2D>(ints('attention_mask'), tf.scalar(1, 'int32'));
  const positions = tf.tile(tf.range(0, T, 1, 'int32').expandDims(0), [B, 1]) as tf.Tensor2D;
  return { batch: { inputIds, segments, positions }, labels: golden.ints('labels') };
}

/** Labels moved one to the left, as the loss of transformers does: [B · T], −100 at the end of each row. */
export function shiftedLabels(labels: Int32Array, T: number): tf.Tensor1D {
  return tf.tensor1d(
    Array.from(labels, (_, i) => (i % T === T - 1 ? -100 : labels[i + 1]!)),
    'int32',
  );
}
