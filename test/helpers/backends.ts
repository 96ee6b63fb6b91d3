import { beforeAll, describe } from 'vitest';
import { type BackendName, selectBackend } from '../../src/backends/select.js';

export function testBackends(): BackendName[] {
  return (process.env.TRUECAST_TEST_BACKENDS ?? 'tensorflow,wasm').split(',') as BackendName[];
}

export function describeBackends(name: string, suite: (backend: BackendName) => void): void {
  for (const backend of testBackends()) {
    describe(`${name} [${backend}]`, () => {
      beforeAll(async () => {
        await selectBackend(backend);
      });
      suite(backend);
    });
  }
}
