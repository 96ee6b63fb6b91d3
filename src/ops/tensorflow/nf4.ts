import { bitcast, cast, executeOp } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import { blockScales, NF4_BLOCK, NF4_CODES, type Nf4Tensors } from '../nf4.js';

/** The two weights that each byte stands for, the high half first: [256, 2]. */
const PAIRS = Float32Array.from({ length: 512 }, (_, i) => {
  const byte = i >> 1;
  return NF4_CODES[i & 1 ? byte & 15 : byte >> 4]!;
});

/** NF4 → float32 [out, in]: TensorFlow looks whole bytes up, two weights at a time. */
export function dequantizeOnTensorflow(weight: Nf4Tensors, out: number, inputs: number): tf.Tensor2D {
  return tf.tidy(() => {
    const size = out * inputs;
    const indices = cast(bitcast(weight.packed, 'uint8'), 'int32');
    const axis = tf.scalar(0, 'int32');
    const values = executeOp('GatherV2', [tf.tensor2d(PAIRS, [256, 2]), indices, axis], {
      Tparams: { type: 'float32' },
      Tindices: { type: 'int32' },
      Taxis: { type: 'int32' },
      batch_dims: { int: 0 },
    });
    const scales = blockScales(weight, Math.ceil(size / NF4_BLOCK));
    const whole = size - (size % NF4_BLOCK);
    const flat = values.reshape([-1]).slice([0], [size]);
    if (whole === size) {
      return tf.mul(flat.reshape([-1, NF4_BLOCK]), scales.expandDims(1)).reshape([out, inputs]);
    }
    const blocks = tf
      .pad(flat as tf.Tensor1D, [[0, NF4_BLOCK - (size % NF4_BLOCK)]])
      .reshape([-1, NF4_BLOCK]);
    return tf.mul(blocks, scales.expandDims(1)).reshape([-1]).slice([0], [size]).reshape([out, inputs]);
  });
}
