import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it, vi } from 'vitest';
import { integerAt, randomKey } from '../../src/support/random.js';
import { FakeApi } from '../helpers/fakeApi.js';
import { killedAt, type Moment } from '../helpers/killing.js';
import { config, DOCUMENT, ENVIRONMENT, finished, lines, workshop } from './helpers.js';

const api = await FakeApi.start();
const make = workshop();

/** Two dozen processes, on a machine that may be busy. */
vi.setConfig({ testTimeout: 300_000 });

const RECIPE = pathToFileURL(
  fileURLToPath(new URL('../../dist/recipes/buildDataset.js', import.meta.url)),
).href;
const PROGRAM = `
import { buildDataset } from ${JSON.stringify(RECIPE)};
const progress = { start: () => ({ update() {}, stop() {} }), note() {} };
await buildDataset(JSON.parse(process.env.OPTIONS), { progress });
`;

it('a build that is killed at 20 random moments ends with the same bytes, and asks nothing twice that it had stored', async () => {
  // more to ask than 20 kills let through
  const text = `${DOCUMENT}\nAda speaks Breton. Ada fears geese.\n`;
  const { out: clean, build } = make(text);
  await build(config(api.baseUrl));
  api.reset();

  const { folder, document, out } = make(text);
  const program = join(folder, 'build.mjs');
  writeFileSync(program, PROGRAM);
  const options = {
    document,
    name: 'Ada',
    language: 'en',
    out,
    config: config(api.baseUrl, { concurrency: 4 }),
  };
  api.delayMs = 4;

  /** Runs the program; kills it once the API has been asked so many more questions. */
  const run = (kill?: { questions: number; afterMs: number }, env: Record<string, string> = {}) =>
    new Promise<{ signal: NodeJS.Signals | null; code: number | null; stderr: string }>((resolve) => {
      const child = spawn(process.execPath, [program], {
        env: { ...process.env, ...ENVIRONMENT, OPTIONS: JSON.stringify(options), ...env },
      });
      let stderr = '';
      child.stderr.on('data', (piece) => {
        stderr += piece;
      });
      const until = api.asked.length + (kill?.questions ?? Number.POSITIVE_INFINITY);
      api.fault = () => {
        if (api.asked.length >= until) setTimeout(() => child.kill('SIGKILL'), kill!.afterMs);
        return undefined;
      };
      child.on('close', (code, signal) => resolve({ code, signal, stderr }));
    });

  const key = randomKey(11);
  for (let i = 0; i < 20; i++) {
    const { signal, stderr } = await run({
      questions: integerAt(key, 2 * i, 9),
      afterMs: integerAt(key, 2 * i + 1, 12),
    });
    expect(signal, stderr).toBe('SIGKILL');
    expect(existsSync(join(out, 'split.json'))).toBe(false);
  }
  const moments: Moment[] = [
    { call: 'renameSync', path: 'statements.arrow', when: 'before' },
    { call: 'renameSync', path: 'split.json', when: 'before' },
  ];
  for (const moment of moments) {
    const { signal, stderr } = await run(undefined, killedAt(moment, folder));
    expect(signal, stderr).toBe('SIGKILL');
  }
  const before = lines(out).length;
  const { code, stderr } = await run();
  expect(code, stderr).toBe(0);
  expect(finished(out)).toEqual(finished(clean));
  // the run that was killed while it wrote the tables had asked everything
  expect(lines(out)).toHaveLength(before);
  // what was stored was never asked again: at most the four that were under way at each kill were lost
  const stored = lines(out).map(({ key }) => key);
  expect(new Set(stored).size).toBe(stored.length);
  expect(api.asked.length - stored.length).toBeLessThanOrEqual(20 * 4);
});
