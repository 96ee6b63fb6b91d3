import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import { loadConfig } from '../../src/config/load.js';
import { discriminatorConfigSchema } from '../../src/config/schema.js';
import { loadCharacter } from '../../src/data/index.js';
import type { DiscriminatorTask } from '../../src/discriminators/format.js';
import { score } from '../../src/recipes/score.js';
import { type DiscriminatorResult, trainDiscriminator } from '../../src/recipes/trainDiscriminator.js';
import { silent } from '../../src/support/progress.js';
import { mean } from '../../src/support/statistics.js';
import { testBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { folderOf, skippedFor } from './helpers.js';

const skipped = skippedFor('minilm');
const CHARACTERS = ['odile', 'tam'];
const SHORTER: Record<DiscriminatorTask, Record<string, unknown>> = {
  relevance: { characters: CHARACTERS, 'training.epochs': 4 },
  nli: { characters: CHARACTERS, 'training.epochs': 6 },
};

// wasm computes the same (parity.real.ts) but would take a quarter of an hour
const why =
  skipped || (testBackends().includes('tensorflow') ? '' : ' (skipped: needs the backend tensorflow)');

describe.skipIf(why)(`MiniLM fine-tuned on ${CHARACTERS.join(' and ')}${why}`, () => {
  const temporary = temporaryFolders();
  const results = {} as Record<DiscriminatorTask, DiscriminatorResult>;

  beforeAll(async () => {
    await selectBackend('tensorflow');
    const directory = temporary();
    for (const task of ['relevance', 'nli'] as const) {
      const config = loadConfig(`configs/minilm/${task}.yaml`, discriminatorConfigSchema, {
        base: folderOf('minilm'),
        'run.directory': directory,
        'run.backend': 'tensorflow',
        ...SHORTER[task],
      });
      const begin = Date.now();
      results[task] = await trainDiscriminator({ ...config, task }, { progress: silent });
      const { accuracy, majority, rows } = results[task].heldOut;
      process.stderr.write(
        `${task}: accuracy ${accuracy.toFixed(3)} on ${rows} rows of held-out queries, most frequent class ` +
          `${majority.toFixed(3)}, ${((Date.now() - begin) / 1000).toFixed(0)} s\n`,
      );
    }
  });

  it.each(['relevance', 'nli'] as const)('%s: beats the most frequent class on held-out queries', (task) => {
    const { interval, majority } = results[task].heldOut;
    expect(interval[0]).toBeGreaterThan(majority);
  });

  it.each(['relevance', 'nli'] as const)('%s: the loss falls', (task) => {
    const lines = readFileSync(join(results[task].run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const losses = lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
    const fifth = Math.floor(losses.length / 5);
    expect(mean(losses.slice(-fifth))).toBeLessThan(0.8 * mean(losses.slice(0, fifth)));
  });

  it('APC prefers entailed to contradicted responses to held-out queries', async () => {
    const wins: boolean[] = [];
    for (const character of CHARACTERS) {
      const pairs = heldOutPairs(character);
      const options = {
        character,
        relevance: results.relevance.model,
        nli: results.nli.model,
        backend: 'tensorflow' as const,
      };
      const scored = await score(options, pairs.flat(), { progress: silent });
      for (let i = 0; i < scored.length; i += 2) wins.push(scored[i]!.delta > scored[i + 1]!.delta);
    }
    const share = wins.filter(Boolean).length / wins.length;
    process.stderr.write(
      `APC: entailed above contradicted in ${wins.filter(Boolean).length} of ${wins.length}\n`,
    );
    expect(share).toBeGreaterThanOrEqual(0.7);
  });
});

/** Per held-out query the response that was written to entail its target statement, and the one to contradict it. */
function heldOutPairs(character: string): [entailed: Item, contradicted: Item][] {
  const { nli = [], queries } = loadCharacter(character);
  return queries
    .filter(({ split }) => split === 'held-out')
    .map(({ queryId, text }) => {
      const written = (label: number): Item => {
        const row = nli.find((r) => r.queryId === queryId && r.origin === 'target' && r.label === label);
        return { query: text, response: row!.response };
      };
      return [written(2), written(0)];
    });
}

interface Item {
  query: string;
  response: string;
}
