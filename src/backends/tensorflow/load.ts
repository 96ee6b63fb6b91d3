import { createRequire } from 'node:module';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import type { TFJSBinding } from '@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js';
import * as tf from '../tf.js';
import type { TensorflowInstall } from './install.js';
import { replaceKernels } from './kernels.js';

const require = createRequire(import.meta.url);

/**
 * Registers tfjs's backend 'tensorflow' on the addon that setup built. The package's own entry point is left
 * alone: it looks for the addon inside node_modules, where a fresh install would lose it.
 */
export function registerTensorflow(install: TensorflowInstall): void {
  if (tf.engine().registryFactory.tensorflow !== undefined) return;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  restoreRemovedUtilities();
  const binding = require(install.binding) as TFJSBinding;
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js');
  const { NodeJSKernelBackend: Backend } =
    require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js') as {
      NodeJSKernelBackend: typeof NodeJSKernelBackend;
    };
  tf.registerBackend('tensorflow', () => new Backend(binding, '@tensorflow/tfjs-node-gpu'), 3);
  replaceKernels();
}

/** tfjs-node calls two functions of node:util that newer Nodes warn about (22) or no longer have (23). */
function restoreRemovedUtilities(): void {
  const util = require('node:util') as Record<string, unknown>;
  util.isArray = Array.isArray;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
}
