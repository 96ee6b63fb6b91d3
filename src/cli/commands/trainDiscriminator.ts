import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { discriminatorConfigSchema } from '../../config/schema.js';
import { trainDiscriminator } from '../../recipes/trainDiscriminator.js';
import { UsageError } from '../../support/errors.js';
import { percent, percentInterval } from '../../support/numbers.js';
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
  task?: 'relevance' | 'nli';
  config: string;
  name?: string;
  seed?: number;
  backend?: string;
  json?: boolean;
}

export const trainDiscriminatorCommand: CommandModule<object, Options> = {
  command: 'train-discriminator',
  describe: 'Fine-tune an encoder to tell what is relevant (relevance) or contradicted (nli)',
  builder: (yargs) =>
    yargs
      .options({
        task: {
          choices: ['relevance', 'nli'] as const,
          requiresArg: true,
          describe:
            'relevance: whether a statement matters for a query; nli: whether a response agrees with it',
        },
        config,
        name: runName,
        seed,
        backend,
      })
      .group(['task', 'config', 'name', 'seed', 'backend'], OWN)
      .epilogue(
        helpEnd(
          {
            'a discriminator in runs/tiny-relevance/model':
              'truecast train-discriminator --config configs/tiny/relevance.yaml',
            'its companion, in runs/tiny-nli/model':
              'truecast train-discriminator --config configs/tiny/nli.yaml',
          },
          'Scoring needs one of each. The result is a folder, RUN/model, which score and chat take ' +
            '(--relevance, --nli), and the configurations of train-dpo (discriminators) and evaluate (judge, ' +
            'retriever).',
          aboutModels,
          aboutRuns,
        ),
      ),
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
