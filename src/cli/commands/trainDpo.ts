import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { dpoConfigSchema } from '../../config/schema.js';
import { trainDpo } from '../../recipes/trainDpo.js';
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
  pairs?: string;
  name?: string;
  seed?: number;
  backend?: string;
  json?: boolean;
}

export const trainDpoCommand: CommandModule<object, Options> = {
  command: 'train-dpo',
  describe: 'Mine preference pairs by APC and train a LoRA over a 4-bit model on them',
  builder: (yargs) =>
    yargs
      .options({
        config,
        pairs: {
          type: 'string',
          requiresArg: true,
          describe: 'Ready-made pairs (.jsonl or .arrow: character, queryId, query, chosen, rejected)',
        },
        name: runName,
        seed,
        backend,
      })
      .group(['config', 'pairs', 'name', 'seed', 'backend'], OWN)
      .epilogue(
        helpEnd(
          {
            'mine pairs, then train on them': 'truecast train-dpo --config configs/tiny/dpo.yaml',
            'train on pairs of your own':
              'truecast train-dpo --config configs/tiny/dpo.yaml --pairs my.jsonl --name my-dpo',
          },
          'Mining scores responses with two discriminators, which the configuration names: train them first ' +
            '(truecast train-discriminator). The result is an adapter in PEFT layout, RUN/adapter, which ' +
            "truecast chat --adapter and the key `dpo` of evaluate's configurations take.",
          aboutModels,
          aboutRuns,
        ),
      ),
  async handler(argv) {
    const overrides = { ...runOverrides(argv), pairs: argv.pairs };
    const settings = loadConfig(argv.config, dpoConfigSchema, overrides);
    const result = await trainDpo(settings, { progress: terminalProgress() });
    if (argv.json) return printJson(result);
    print(`adapter: ${result.adapter} (${result.pairs} pairs, ${result.steps} steps)`);
  },
};
