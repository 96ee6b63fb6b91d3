import { createRequire } from 'node:module';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import type { TFJSBinding } from '@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js';
import * as tf from '../tf.js';
import { frameworkIn, type TensorflowInstall } from './install.js';
import { loadKernelLibrary } from './kernelLibrary.js';
import { replaceKernels } from './kernels.js';

const require = createRequire(import.meta.url);

/**
 * Registers tfjs's backend 'tensorflow' on the addon that setup built. The package's own entry point is left
 * alone: it looks for the addon inside node_modules, where a fresh install would lose it.
 */
export function registerTensorflow(install: TensorflowInstall): void {
  if (tf.engine().registryFactory.tensorflow !== undefined) return;
  restoreRemovedUtilities();
  const loader = require(install.loader) as LibraryLoader;
  loader.open(frameworkIn(install.libraries), true);
  const binding = require(install.binding) as TFJSBinding;
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js');
  const { NodeJSKernelBackend: Backend } =
    require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js') as {
      NodeJSKernelBackend: typeof NodeJSKernelBackend;
    };
  tf.registerBackend('tensorflow', () => new Backend(binding, '@tensorflow/tfjs-node-gpu'), 3);
  replaceKernels();
  openLibrary = (path) => loader.open(path, false);
  loadKernelLibrary(install.kernels, openLibrary);
}

interface LibraryLoader {
  open(path: string, quiet: boolean): void;
}

let openLibrary: ((path: string) => void) | undefined;

/** Loads a shared library whose static constructors register ops and kernels with TensorFlow. */
export function loadOpLibrary(path: string): void {
  if (openLibrary === undefined) throw new Error('the TensorFlow backend has not been loaded');
  openLibrary(path);
}

/** tfjs-node calls two functions of node:util that newer Nodes warn about (22) or no longer have (23). */
function restoreRemovedUtilities(): void {
  const util = require('node:util') as Record<string, unknown>;
  util.isArray = Array.isArray;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
}
