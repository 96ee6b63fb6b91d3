import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BACKEND_NAMES, type BackendName } from '../../src/backends/select.js';
import type { Kernel, Op } from '../../src/ops/op.js';
import { type OpName, ops } from '../../src/ops/table.js';

/**
 * What must not compile. `npm run typecheck` compiles this file, and fails where a line below compiles
 * after all: @ts-expect-error is an error itself if nothing is wrong.
 */
// biome-ignore lint/suspicious/noExplicitAny: as in the table
type AnyOp = Op<any, any, any>;

const { adamw: _left, ...incomplete } = ops;
// @ts-expect-error an op is missing
export const withoutAnOp: Record<OpName, AnyOp> = incomplete;

const { keepsOutput, kernels, forward, gradient } = ops.rmsNorm;
// @ts-expect-error no forward
export const withoutForward: AnyOp = { keepsOutput, kernels, gradient };
// @ts-expect-error no gradient: an op that has none says null
export const withoutGradient: AnyOp = { keepsOutput, kernels, forward };
// @ts-expect-error no kernels
export const withoutKernels: AnyOp = { keepsOutput, forward, gradient };
// @ts-expect-error whether the output is kept is left open
export const withoutKeepsOutput: AnyOp = { kernels, forward, gradient };
// @ts-expect-error the backend wasm is not answered for
export const withoutBackend: AnyOp['kernels'] = { tensorflow: null, cpu: null };
// biome-ignore lint/suspicious/noExplicitAny: as in the table
// @ts-expect-error a kernel without a gradient
export const withoutKernelGradient: Kernel<any, any> = { forward };
// @ts-expect-error an op that the table doesn't name
export const unknownOp: OpName = 'softmax';

const entries = Object.entries(ops) as [OpName, AnyOp][];

it('every op answers for every backend, and for its gradient', () => {
  expect(entries.length).toBeGreaterThan(0);
  for (const [name, op] of entries) {
    expect(Object.keys(op.kernels).sort(), name).toEqual([...BACKEND_NAMES].sort());
    for (const kernel of [op, ...Object.values(op.kernels)]) {
      if (kernel === null) continue;
      expect(typeof kernel.forward, `${name}: forward`).toBe('function');
      expect(kernel.gradient === null || typeof kernel.gradient === 'function', `${name}: gradient`).toBe(true);
      expect(kernel.gradient === null, `${name}: a kernel with a gradient of its own`).toBe(op.gradient === null);
    }
  }
  expect(BACKEND_NAMES satisfies readonly BackendName[]).toHaveLength(3);
});

it('every op that a file of src/ops exports is in the table', () => {
  const exported = readdirSync('src/ops', { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap(({ name }) =>
      [...readFileSync(join('src/ops', name), 'utf8').matchAll(/^export const (\w+): Op</gm)].map((match) => match[1]),
    );
  expect(exported.sort()).toEqual(Object.keys(ops).sort());
});

it('every op has a test', () => {
  const tests = readdirSync('test/ops')
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join('test/ops', name), 'utf8'))
    .join('\n');
  for (const [name] of entries) expect(tests, name).toMatch(new RegExp(`\\brun(Untaped)?\\(\\s*ops\\.${name}\\b`));
});
