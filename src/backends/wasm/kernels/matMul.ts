import * as tf from '../../tf.js';
import { offsetOf, type WasmBackend } from '../backend.js';
import { gemmOn, matrixAt } from '../gemm.js';

/**
 * Products of [.., m, k] and [.., k, n], batch dimensions broadcast. tfjs's own kernel is fast for one
 * untransposed pair only, and keeps a rearranged copy of b besides.
 */
export function batchMatMul(
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo {
  if (a.dtype !== 'float32' || b.dtype !== 'float32') {
    throw new Error(`matMul on wasm takes float32 tensors, not ${a.dtype} and ${b.dtype}`);
  }
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (k !== inner) {
    throw new Error(`matMul: inner sizes ${k} and ${inner} of [${a.shape}] and [${b.shape}] differ`);
  }
  const aBatch = a.shape.slice(0, -2);
  const bBatch = b.shape.slice(0, -2);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(aBatch, bBatch);
  const out = backend.makeOutput([...batch, m, n], 'float32');
  const gemm = gemmOn(backend);
  const [aOffset, bOffset, outOffset] = [a, b, out].map((tensor) => offsetOf(backend, tensor)) as [
    number,
    number,
    number,
  ];
  if (tf.util.sizeFromShape(bBatch) === 1 && !transposeA) {
    const rows = tf.util.sizeFromShape(aBatch) * m;
    const bMatrix = matrixAt(bOffset, bColumns, transposeB);
    gemm(matrixAt(aOffset, aColumns, false), bMatrix, outOffset, rows, n, k);
    return out;
  }
  const aIndices = broadcastIndices(aBatch, batch);
  const bIndices = broadcastIndices(bBatch, batch);
  for (let i = 0; i < aIndices.length; i++) {
    const aMatrix = matrixAt(aOffset + aIndices[i]! * m * k * 4, aColumns, transposeA);
    const bMatrix = matrixAt(bOffset + bIndices[i]! * k * n * 4, bColumns, transposeB);
    gemm(aMatrix, bMatrix, outOffset + i * m * n * 4, m, n, k);
  }
  return out;
}

/** For each index into `to`, the index into `from` that it is broadcast from. */
function broadcastIndices(from: readonly number[], to: readonly number[]): Int32Array {
  const size = tf.util.sizeFromShape([...to]);
  const indices = new Int32Array(size);
  const missing = to.length - from.length;
  let stride = 1;
  let repeat = 1;
  for (let axis = to.length - 1; axis >= missing; axis--) {
    if (from[axis - missing] !== 1) {
      for (let i = 0; i < size; i++) indices[i]! += (Math.floor(i / repeat) % to[axis]!) * stride;
    }
    stride *= from[axis - missing]!;
    repeat *= to[axis]!;
  }
  return indices;
}
