import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { dpoConfigSchema } from '../../config/schema.js';
import { trainDpo } from '../../recipes/trainDpo.js';
import { terminalProgress } from '../../support/progress.js';
import { backend, config, runName, runOverrides, seed } from '../options.js';
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
  builder: {
    config,
    pairs: {
      type: 'string',
      requiresArg: true,
      describe: 'Ready-made pairs (.jsonl or .arrow) instead of mined ones',
    },
    name: runName,
    seed,
    backend,
  },
  async handler(argv) {
    const settings = loadConfig(argv.config, dpoConfigSchema, runOverrides(argv));
    const result = await trainDpo(settings, { progress: terminalProgress() }, argv.pairs);
    if (argv.json) return printJson(result);
    print(`adapter: ${result.adapter} (${result.pairs} pairs, ${result.steps} steps)`);
  },
};
