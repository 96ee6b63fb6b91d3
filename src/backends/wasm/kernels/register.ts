import * as tf from '../../tf.js';
import type { WasmBackend } from '../backend.js';
import { einsum } from './einsum.js';
import { gather } from './gather.js';
import { fusedMatMul } from './fusedMatMul.js';
import { batchMatMul } from './matMul.js';
import { unsortedSegmentSum } from './segmentSum.js';
import { slice } from './slice.js';

type Inputs = Record<string, tf.TensorInfo>;
type Kernel = (backend: WasmBackend, inputs: Inputs, attributes: never) => tf.TensorInfo | tf.TensorInfo[];

/** Kernels of the wasm backend that are ours: faster, corrected, or not in tfjs at all. */
export function registerKernels(): void {
  const kernels: Record<string, Kernel> = {
    [tf.BatchMatMul]: (backend, { a, b }, { transposeA, transposeB }: tf.BatchMatMulAttrs) =>
      batchMatMul(backend, a!, b!, transposeA, transposeB),
    [tf._FusedMatMul]: (backend, inputs, attributes: tf._FusedMatMulAttrs) =>
      fusedMatMul(backend, inputs, attributes),
    [tf.GatherV2]: (backend, { x, indices }, { axis, batchDims }: tf.GatherV2Attrs) =>
      gather(backend, x!, indices!, axis, batchDims),
    [tf.UnsortedSegmentSum]: (backend, { x, segmentIds }, { numSegments }: tf.UnsortedSegmentSumAttrs) =>
      unsortedSegmentSum(backend, x!, segmentIds!, numSegments),
    [tf.Slice]: (backend, { x }, { begin, size }: tf.SliceAttrs) => slice(backend, x!, begin, size),
    [tf.Einsum]: (_backend, inputs, { equation }: tf.EinsumAttrs) =>
      tf.tidy(() => einsum(Object.values(inputs) as tf.Tensor[], equation)),
  };
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    if (tf.getKernel(kernelName, 'wasm') !== undefined) tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs, backend, attrs }) =>
        kernel(backend as WasmBackend, inputs as Inputs, attrs as never),
    });
  }
}
