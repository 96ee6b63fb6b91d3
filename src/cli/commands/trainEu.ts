import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { euConfigSchema } from '../../config/schema.js';
import { trainEu } from '../../recipes/trainEu.js';
import { terminalProgress } from '../../support/progress.js';
import {
  aboutModels,
  aboutRuns,
  backend,
  config,
  helpEnd,
  OWN,
  runName,
  runOverrides,
  seed,
} from '../options.js';
import { print, printJson } from '../output.js';

interface Options {
  config: string;
  name?: string;
  seed?: number;
  backend?: string;
  json?: boolean;
}

export const trainEuCommand: CommandModule<object, Options> = {
  command: 'train-eu',
  describe: 'Experience upload: fine-tune a LoRA on a character’s dialogues',
  builder: (yargs) =>
    yargs
      .options({ config, name: runName, seed, backend })
      .group(['config', 'name', 'seed', 'backend'], OWN)
      .epilogue(
        helpEnd(
          { 'an adapter in runs/tiny-eu/adapter': 'truecast train-eu --config configs/tiny/eu.yaml' },
          "The dialogues are a data set's queries with the responses that its author wrote. The result is an " +
            "adapter in PEFT layout, RUN/adapter: evaluate's method eu plays with it, train-dpo can start from " +
            'it (startAdapter), chat takes it with --method eu --adapter.',
          aboutModels,
          aboutRuns,
        ),
      ),
  async handler(argv) {
    const settings = loadConfig(argv.config, euConfigSchema, runOverrides(argv));
    const result = await trainEu(settings, { progress: terminalProgress() });
    if (argv.json) return printJson(result);
    print(`adapter: ${result.adapter} (from ${result.dialogues} dialogues)`);
  },
};
