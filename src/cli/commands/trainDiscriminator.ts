import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { discriminatorConfigSchema } from '../../config/schema.js';
import { trainDiscriminator } from '../../recipes/trainDiscriminator.js';
import { UsageError } from '../../support/errors.js';
import { percent, percentInterval } from '../../support/numbers.js';
import { terminalProgress } from '../../support/progress.js';
import { backend, config, runName, runOverrides, seed } from '../options.js';
import { print, printJson } from '../output.js';

interface Options {
  task?: 'relevance' | 'nli';
  config: string;
  name?: string;
  seed?: number;
  backend?: string;
  json?: boolean;
}

export const trainDiscriminatorCommand: CommandModule<object, Options> = {
  command: 'train-discriminator',
  describe: 'Fine-tune an encoder as relevance or NLI discriminator',
  builder: {
    task: { choices: ['relevance', 'nli'] as const, describe: 'What it tells' },
    config,
    name: runName,
    seed,
    backend,
  },
  async handler(argv) {
    const settings = loadConfig(argv.config, discriminatorConfigSchema, runOverrides(argv));
    const task = argv.task ?? settings.task;
    if (!task)
      throw new UsageError(
        'which task?',
        'give --task relevance or --task nli, or `task` in the configuration',
      );
    if (settings.task && settings.task !== task) {
      throw new UsageError(`--task ${task}, but ${argv.config} is for ${settings.task}`, 'make them agree');
    }
    const result = await trainDiscriminator({ ...settings, task }, { progress: terminalProgress() });
    if (argv.json) return printJson(result);
    const { accuracy, interval, majority, rows } = result.heldOut;
    print(
      `${task}: accuracy ${percent(accuracy)} (${percentInterval(interval)}) on ${rows} held-out rows; ` +
        `most frequent class ${percent(majority)}`,
    );
    print(`discriminator: ${result.model}`);
  },
};
