import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { TruecastError } from '../../support/errors.js';
import * as tf from '../tf.js';

/** What tfjs-backend-wasm's backend keeps of a tensor. */
interface HeapTensor {
  id: number;
  memoryOffset: number;
  shape: number[];
  dtype: tf.DataType;
  refCount: number;
}

interface HeapModule {
  HEAPU8: Uint8Array<ArrayBuffer>;
  asm: { memory: { readonly buffer: ArrayBuffer } };
  _malloc(bytes: number): number;
  _free(offset: number): void;
}

/** The parts of tfjs-backend-wasm's backend that its types hide or leave loose. */
export type WasmBackend = Omit<BackendWasm, 'wasm' | 'dataIdMap' | 'makeOutput'> & {
  wasm: HeapModule;
  dataIdMap: tf.DataStorage<HeapTensor>;
  makeOutput(shape: number[], dtype: tf.DataType, memoryOffset?: number): tf.TensorInfo;
};

export function wasmBackend(): WasmBackend {
  if (tf.getBackend() !== 'wasm') {
    throw new Error(`a wasm kernel was called while the backend is '${tf.getBackend()}'`);
  }
  return tf.backend() as unknown as WasmBackend;
}

/** Where a tensor's values start, in bytes. Stays true while the tensor lives, even when the heap grows. */
export function offsetOf(backend: WasmBackend, tensor: tf.TensorInfo): number {
  return backend.dataIdMap.get(tensor.dataId as object).memoryOffset;
}

const HEAP_LIMIT = 2 ** 32;

/** tfjs takes a failed allocation for memory at offset 0 and overwrites what is there; make it an error. */
export function guardAllocation({ wasm }: WasmBackend): void {
  // At its first call Emscripten's stub puts the real function in its own place, and would undo ours.
  wasm._free(wasm._malloc(1));
  const allocate = wasm._malloc.bind(wasm);
  wasm._malloc = (bytes) => {
    const offset = bytes < HEAP_LIMIT ? allocate(bytes) >>> 0 : 0;
    if (offset === 0) {
      throw new TruecastError(
        `the wasm backend is out of memory: ${(bytes / 2 ** 20).toFixed(0)} MiB more were asked of its 4 GiB at most`,
        'use a smaller model, batch or length, or the tensorflow backend (`truecast setup tensorflow`)',
      );
    }
    return offset;
  };
}
