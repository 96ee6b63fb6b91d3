import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { findInstall } from '../../src/backends/tensorflow/install.js';
import { hasKernelLibrary } from '../../src/backends/tensorflow/kernelLibrary.js';
import { describeBackends } from '../helpers/backends.js';

describeBackends('kernel library', (backend) => {
  // otherwise every suite on tensorflow would test the compositions alone
  it.runIf(backend === 'tensorflow')('is built from these sources, and loaded', () => {
    const install = findInstall();
    if ('missing' in install) throw new Error(install.missing);
    expect(existsSync(install.kernels), `${install.kernels}: run npm run kernels`).toBe(true);
    expect(hasKernelLibrary()).toBe(true);
  });
});
