import { beforeAll, describe } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
export function testBackends() {
    return (process.env.TRUECAST_TEST_BACKENDS ?? 'tensorflow,wasm').split(',');
}
export function describeBackends(name, suite) {
    for (const backend of testBackends()) {
        describe(`${name} [${backend}]`, () => {
            beforeAll(async () => {
                await selectBackend(backend);
            });
            suite(backend);
        });
    }
}
//# sourceMappingURL=backends.js.map