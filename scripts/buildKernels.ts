/** Builds kernels/ for the TensorFlow that has been set up, as `truecast setup tensorflow` does. */
import { dirname } from 'node:path';
import { buildKernelLibrary } from '../src/backends/tensorflow/buildKernels.js';
import { findInstall } from '../src/backends/tensorflow/install.js';

const install = findInstall();
if ('missing' in install) throw new Error(`${install.missing}: run truecast setup tensorflow first`);
process.stdout.write(`${await buildKernelLibrary(dirname(install.kernels))}\n`);
