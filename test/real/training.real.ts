import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import { loadConfig } from '../../src/config/load.js';
import { discriminatorConfigSchema } from '../../src/config/schema.js';
import { loadCharacter } from '../../src/data/index.js';
import { Discriminator } from '../../src/discriminators/discriminator.js';
import type { DiscriminatorTask } from '../../src/discriminators/format.js';
import { labelledRows } from '../../src/discriminators/rows.js';
import { score } from '../../src/recipes/score.js';
import { type DiscriminatorResult, trainDiscriminator } from '../../src/recipes/trainDiscriminator.js';
import { silent } from '../../src/support/progress.js';
import { mean } from '../../src/support/statistics.js';
import { testBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { folderOf, skippedFor } from './helpers.js';

const skipped = skippedFor('minilm');
const CHARACTERS = ['anselm', 'ines', 'odile', 'quill', 'tam'];
const TASKS = ['relevance', 'nli'] as const;
/** As configured, but shorter. */
const SHORTER = { 'training.epochs': 3 };
/** The characters whose annotated responses APC judges. */
const JUDGED = ['odile', 'tam'];

// wasm computes the same (parity.real.ts) but would take a quarter of an hour
const why =
  skipped || (testBackends().includes('tensorflow') ? '' : ' (skipped: needs the backend tensorflow)');

describe.skipIf(why)(`MiniLM fine-tuned on ${CHARACTERS.join(', ')}${why}`, () => {
  const temporary = temporaryFolders();
  const results = {} as Record<DiscriminatorTask, DiscriminatorResult>;

  beforeAll(async () => {
    await selectBackend('tensorflow');
    const directory = temporary();
    for (const task of TASKS) {
      const config = loadConfig(`configs/minilm/${task}.yaml`, discriminatorConfigSchema, {
        base: folderOf('minilm'),
        'run.directory': directory,
        'run.backend': 'tensorflow',
        ...SHORTER,
      });
      const begin = Date.now();
      results[task] = await trainDiscriminator({ ...config, task }, { progress: silent });
      const { accuracy, majority, rows } = results[task].heldOut;
      tell(
        `${task}: accuracy ${accuracy.toFixed(3)} on ${rows} rows of held-out queries, most frequent class ` +
          `${majority.toFixed(3)}, ${((Date.now() - begin) / 1000).toFixed(0)} s`,
      );
    }
  });

  it('nli: accuracy on held-out queries is above the most frequent class', () => {
    const { interval, majority } = results.nli.heldOut;
    expect(interval[0]).toBeGreaterThan(majority);
  });

  it.each(TASKS)('%s: the loss falls', (task) => {
    const lines = readFileSync(join(results[task].run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const losses = lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
    const fifth = Math.floor(losses.length / 5);
    const [first, last] = [mean(losses.slice(0, fifth)), mean(losses.slice(-fifth))];
    tell(`${task}: loss ${first.toFixed(3)} → ${last.toFixed(3)}`);
    expect(last).toBeLessThan(first);
  });

  // three rows in four are "no": in so few steps the answer does not leave the most frequent class yet
  it('relevance: relevant statements of held-out queries get higher probabilities than others', async () => {
    const rows = CHARACTERS.flatMap((id) => labelledRows(loadCharacter(id), 'relevance', 'held-out'));
    const discriminator = Discriminator.load(results.relevance.model, 'relevance');
    const probabilities = await discriminator.probabilities(rows);
    const yes = (probabilities.arraySync() as number[][]).map((row) => row[1]!);
    probabilities.dispose();
    discriminator.dispose();
    const of = (label: number) => yes.filter((_, i) => rows[i]!.label === label);
    const [irrelevant, relevant] = [of(0), of(1)];
    const above = relevant.flatMap((high) => irrelevant.map((low) => (high > low ? 1 : 0)));
    tell(`relevance: area under the ROC curve ${mean(above).toFixed(3)}`);
    expect(mean(above)).toBeGreaterThan(0.65);
  });

  // more often than not: a relevance discriminator this weak leaves noise of every statement in the sums
  it('APC prefers entailed to contradicted responses to held-out queries', async () => {
    const wins: boolean[] = [];
    for (const character of JUDGED) {
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
    tell(`APC: entailed above contradicted in ${wins.filter(Boolean).length} of ${wins.length}`);
    expect(share).toBeGreaterThan(0.5);
  });
});

/** What was measured is worth reading even where it passes. */
function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

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
