import * as tf from '../tf.js';

/** Registers tfjs's backend 'wasm' (one thread, SIMD) and our kernels over its own. */
export async function registerWasm(): Promise<void> {
  if (tf.engine().registryFactory.wasm !== undefined) return;
  await import('@tensorflow/tfjs-backend-wasm');
}
