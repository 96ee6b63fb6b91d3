import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { TruecastError } from '../../src/support/errors.js';
import { integerAt, randomKey } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { mutated } from '../helpers/mutate.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
/** Mutated copies; more with TRUECAST_TEST_FUZZ. */
const COUNT = Number(process.env.TRUECAST_TEST_FUZZ ?? 1000);
const SOURCE = 'test/fixtures/adapters/patterns';

/** What may stand where something else is expected. */
const ODD: unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e300, '', 'q_proj', '(', '(a+)+$', '.*', '\\', '__proto__', 'all-linear'],
  ...[
    [],
    [1],
    [[]],
    ['q_proj', 7],
    {},
    { q_proj: 3 },
    { '(': 2 },
    { q_proj: {} },
    { __proto__: 1 },
    'LORA',
    'IA3',
  ],
];

function damaged(text: string, seed: number): string {
  if (seed % 2 === 0) return mutated(Buffer.from(text), seed).toString('utf8');
  const config = JSON.parse(text) as Record<string, unknown>;
  const key = randomKey('adapter', seed);
  const names = Object.keys(config);
  for (let change = 0; change <= integerAt(key, 0, 2); change++) {
    const name = names[integerAt(key, 3 * change + 1, names.length)]!;
    if (integerAt(key, 3 * change + 2, 8) === 0) delete config[name];
    else config[name] = ODD[integerAt(key, 3 * change + 3, ODD.length)];
  }
  return JSON.stringify(config);
}

describeBackends('damaged adapter configurations', () => {
  it(`${COUNT}: are read, or refused by the file's name`, () => {
    const text = readFileSync(join(SOURCE, 'adapter_config.json'), 'utf8');
    const base = JSON.parse(readFileSync('test/fixtures/models/gemma-b/config.json', 'utf8'));
    const layers = new GemmaForCausalLM(parseGemmaConfig(base, 'gemma-b')).linearLayers();
    const folder = temporary();
    copyFileSync(join(SOURCE, 'adapter_model.safetensors'), join(folder, 'adapter_model.safetensors'));
    const counts = { read: 0, refused: 0 };
    for (let seed = 0; seed < COUNT; seed++) {
      writeFileSync(join(folder, 'adapter_config.json'), damaged(text, seed));
      try {
        loadAdapter(folder, layers).dispose();
        counts.read++;
      } catch (error) {
        if (!(error instanceof TruecastError)) throw new Error(`seed ${seed}`, { cause: error });
        expect(error.message, `seed ${seed}`).toContain(folder);
        expect(error.remedy, `seed ${seed}`).toBeTruthy();
        counts.refused++;
      }
    }
    // both happen, so that neither half of the check is idle
    expect(counts.read).toBeGreaterThan(COUNT / 50);
    expect(counts.refused).toBeGreaterThan(COUNT / 10);
  });
});
