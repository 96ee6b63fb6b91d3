import { afterAll, beforeAll, describe } from 'vitest';
import { BACKEND_NAMES, type BackendName, selectBackend } from '../../src/backends/select.js';
import { findInstall } from '../../src/backends/tensorflow/install.js';
import { useKernelLibrary } from '../../src/backends/tensorflow/kernelLibrary.js';

let announced = false;

/**
 * The backends that suites run on: those named in TRUECAST_TEST_BACKENDS, else wasm, and tensorflow where it
 * has been set up. What is left out is said once per file.
 */
export function testBackends(): BackendName[] {
  const named = process.env.TRUECAST_TEST_BACKENDS;
  if (named) {
    return named.split(',').map((name) => {
      const known = BACKEND_NAMES.find((backend) => backend === name.trim());
      if (known === undefined) throw new Error(`TRUECAST_TEST_BACKENDS names '${name}', which is no backend`);
      return known;
    });
  }
  const install = findInstall();
  if (!('missing' in install)) return ['wasm', 'tensorflow'];
  if (!announced) process.stderr.write(`skipped on the backend tensorflow: ${install.missing}\n`);
  announced = true;
  return ['wasm'];
}

/** A suite, once per backend, which is the current one while it runs. A backend left out shows as skipped. */
export function describeBackends(name: string, body: (backend: BackendName) => void): void {
  const chosen = testBackends();
  for (const backend of BACKEND_NAMES) {
    if (!chosen.includes(backend)) {
      if (backend !== 'cpu') describe.skip(`${name} (${backend})`, () => body(backend));
      continue;
    }
    describe(`${name} (${backend})`, () => {
      beforeAll(async () => {
        await selectBackend(backend);
      });
      body(backend);
    });
  }
}

/** As describeBackends, and once more on tensorflow with the compositions in place of truecast's own kernels. */
export function describeOps(name: string, body: (backend: BackendName) => void): void {
  describeBackends(name, body);
  if (!testBackends().includes('tensorflow')) return;
  describe(`${name} (tensorflow, composed)`, () => {
    beforeAll(async () => {
      await selectBackend('tensorflow');
      useKernelLibrary(false);
    });
    afterAll(() => useKernelLibrary(true));
    body('tensorflow');
  });
}
