import * as tf from '../tf.js';
import { guardAllocation, type WasmBackend } from './backend.js';
import { registerKernels } from './kernels/register.js';

let loaded = false;

/** Registers tfjs's backend 'wasm' (one thread, SIMD), with our kernels in place of some of its own. */
export async function registerWasm(): Promise<void> {
  if (loaded) return;
  await import('@tensorflow/tfjs-backend-wasm');
  const { factory, priority } = tf.engine().registryFactory.wasm!;
  tf.removeBackend('wasm');
  tf.registerBackend(
    'wasm',
    async () => {
      const backend = (await factory()) as unknown as WasmBackend;
      guardAllocation(backend);
      return backend as unknown as tf.KernelBackend;
    },
    priority,
  );
  registerKernels();
  loaded = true;
}
