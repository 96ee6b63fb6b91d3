import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { euConfigSchema } from '../../config/schema.js';
import { trainEu } from '../../recipes/trainEu.js';
import { terminalProgress } from '../../support/progress.js';
import { backend, config, runName, runOverrides, seed } from '../options.js';
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
  builder: { config, name: runName, seed, backend },
  async handler(argv) {
    const settings = loadConfig(argv.config, euConfigSchema, runOverrides(argv));
    const result = await trainEu(settings, { progress: terminalProgress() });
    if (argv.json) return printJson(result);
    print(`adapter: ${result.adapter} (from ${result.dialogues} dialogues)`);
  },
};
