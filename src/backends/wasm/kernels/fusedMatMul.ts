import * as tf from '../../tf.js';
import type { WasmBackend } from '../backend.js';
import { batchMatMul } from './matMul.js';

/** matMul, then a bias and an activation, as tf.fused.matMul means them. */
export function fusedMatMul(
  backend: WasmBackend,
  inputs: Record<string, tf.TensorInfo>,
  { transposeA, transposeB, activation, leakyreluAlpha }: tf._FusedMatMulAttrs,
): tf.TensorInfo {
  const { a, b, bias, preluActivationWeights } = inputs;
  return tf.tidy(() => {
    const product = batchMatMul(backend, a!, b!, transposeA, transposeB);
    const x = tf.engine().makeTensorFromTensorInfo(product);
    const biased = bias === undefined ? x : tf.add(x, bias as tf.Tensor);
    switch (activation) {
      case 'relu':
        return tf.relu(biased);
      case 'relu6':
        return tf.relu6(biased);
      case 'elu':
        return tf.elu(biased);
      case 'sigmoid':
        return tf.sigmoid(biased);
      case 'leakyrelu':
        return tf.leakyRelu(biased, leakyreluAlpha);
      case 'prelu':
        return tf.prelu(biased, preluActivationWeights as tf.Tensor);
      default:
        return biased;
    }
  });
}
