import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BACKEND_NAMES } from '../../src/backends/select.js';
import { type OpName, ops } from '../../src/ops/table.js';
import { type AnyOp, complete } from './table.types.js';

const entries = Object.entries(ops) as [OpName, AnyOp][];

it('is complete, which the compiler sees to', () => {
  expect(complete).toBe(ops);
});

it('every op answers for every backend, and for its gradient', () => {
  expect(entries.length).toBeGreaterThan(0);
  for (const [name, op] of entries) {
    expect(Object.keys(op.kernels).sort(), name).toEqual([...BACKEND_NAMES].sort());
    for (const kernel of [op, ...Object.values(op.kernels)]) {
      if (kernel === null) continue;
      expect(typeof kernel.forward, `${name}: forward`).toBe('function');
      expect(kernel.gradient === null || typeof kernel.gradient === 'function', `${name}: gradient`).toBe(
        true,
      );
      expect(kernel.gradient === null, `${name}: a kernel with a gradient of its own`).toBe(
        op.gradient === null,
      );
    }
  }
});

it('every op that a file of src/ops exports is in the table', () => {
  const exported = readdirSync('src/ops', { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap(({ name }) =>
      [...readFileSync(join('src/ops', name), 'utf8').matchAll(/^export const (\w+): Op</gm)].map(
        (match) => match[1],
      ),
    );
  expect(exported.sort()).toEqual(Object.keys(ops).sort());
});

it('every op has a test', () => {
  const tests = readdirSync('test/ops')
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join('test/ops', name), 'utf8'))
    .join('\n');
  for (const [name] of entries)
    expect(tests, name).toMatch(new RegExp(`\\brun(Untaped)?\\(\\s*ops\\.${name}\\b`));
});
