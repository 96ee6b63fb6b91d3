import * as tf from '../tf.js';
import { offsetOf, type WasmBackend } from './backend.js';

/** Kernels written in TypeScript that work on tensors' memory in place, on the backends wasm and cpu. */

interface Arrays {
  float32: Float32Array;
  int32: Int32Array;
  bool: Uint8Array;
}
export type HeapDtype = keyof Arrays;
export type HeapArray = Arrays[HeapDtype];

/** Of what shape and type an output is. */
export interface OutputSpec<D extends HeapDtype = HeapDtype> {
  shape: number[];
  dtype: D;
}

type OutputArrays<S extends readonly OutputSpec[]> = {
  -readonly [I in keyof S]: S[I] extends OutputSpec<infer D> ? Arrays[D] : never;
};

/** Whether tensors of the current backend can be viewed. */
export function hasHeap(): boolean {
  return tf.getBackend() === 'wasm' || tf.getBackend() === 'cpu';
}

/**
 * A tensor's values themselves, not a copy. On wasm the view is void once anything is allocated (the heap may
 * move), so make no tensor while you use it. Writing to it changes every tensor that shares the values
 * (reshaped ones and clones do).
 */
export function heapView(tensor: tf.TensorInfo): HeapArray {
  const name = tf.getBackend();
  if (name === 'wasm') {
    const backend = tf.backend() as unknown as WasmBackend;
    const offset = offsetOf(backend, tensor);
    return arrayOver(tensor.dtype, backend.wasm.HEAPU8.buffer, offset, tf.util.sizeFromShape(tensor.shape));
  }
  if (name === 'cpu' && tensor.dtype in VIEWS) return cpuBackend().data.get(tensor.dataId as object).values;
  throw new Error(`${tensor.dtype} tensors of the backend '${name}' cannot be viewed`);
}

export function float32View(tensor: tf.TensorInfo): Float32Array {
  if (tensor.dtype !== 'float32') throw new Error(`a float32 tensor is needed, not ${tensor.dtype}`);
  return heapView(tensor) as Float32Array;
}

export function int32View(tensor: tf.TensorInfo): Int32Array {
  if (tensor.dtype !== 'int32') throw new Error(`an int32 tensor is needed, not ${tensor.dtype}`);
  return heapView(tensor) as Int32Array;
}

/**
 * Makes a tensor and lets `kernel` fill it from the inputs' values. The output comes uninitialised: write all
 * of it. `kernel` must not make tensors; for work space use typed arrays of your own.
 */
export function heapKernel<D extends HeapDtype>(
  inputs: readonly tf.TensorInfo[],
  shape: number[],
  dtype: D,
  kernel: (views: HeapArray[], output: Arrays[D]) => void,
): tf.Tensor {
  return heapKernels(inputs, [{ shape, dtype }] as const, (views, outputs) =>
    kernel(views, outputs[0] as Arrays[D]),
  )[0]!;
}

/** As heapKernel, for float32 alone, which most kernels are. */
export function floatKernel(
  inputs: readonly tf.TensorInfo[],
  shape: number[],
  kernel: (views: Float32Array[], output: Float32Array) => void,
): tf.Tensor {
  for (const input of inputs) {
    if (input.dtype !== 'float32') throw new Error(`a float32 tensor is needed, not ${input.dtype}`);
  }
  return heapKernel(inputs, shape, 'float32', (views, output) => kernel(views as Float32Array[], output));
}

/** As heapKernel, with several outputs. */
export function heapKernels<const S extends readonly OutputSpec[]>(
  inputs: readonly tf.TensorInfo[],
  outputs: S,
  kernel: (views: HeapArray[], outputs: OutputArrays<S>) => void,
): tf.Tensor[] {
  // All allocations come before the first view.
  const infos = outputs.map(({ shape, dtype }) => allocate([...shape], dtype));
  try {
    kernel(inputs.map(heapView), infos.map(heapView) as OutputArrays<S>);
  } catch (error) {
    for (const { dataId } of infos) tf.backend().disposeData(dataId);
    throw error;
  }
  return infos.map((info) => tf.engine().makeTensorFromTensorInfo(info));
}

function allocate(shape: number[], dtype: HeapDtype): tf.TensorInfo {
  if (tf.getBackend() === 'wasm') return (tf.backend() as unknown as WasmBackend).makeOutput(shape, dtype);
  const size = tf.util.sizeFromShape(shape);
  const values = arrayOver(dtype, new ArrayBuffer(size * tf.util.bytesPerElement(dtype)), 0, size);
  // A kernel that forgets an element is found out here, not by what malloc last held there.
  values.fill(dtype === 'float32' ? Number.NaN : -1);
  return cpuBackend().makeTensorInfo(shape, dtype, values);
}

interface CpuBackend {
  data: tf.DataStorage<{ values: HeapArray }>;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: HeapArray): tf.TensorInfo;
}

function cpuBackend(): CpuBackend {
  const name = tf.getBackend();
  if (name !== 'cpu') throw new Error(`tensors of the backend '${name}' cannot be viewed`);
  return tf.backend() as unknown as CpuBackend;
}

const VIEWS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

function arrayOver(dtype: tf.DataType, buffer: ArrayBuffer, offset: number, size: number): HeapArray {
  if (!(dtype in VIEWS)) throw new Error(`tensors of dtype ${dtype} cannot be viewed`);
  return new VIEWS[dtype as HeapDtype](buffer, offset, size);
}
