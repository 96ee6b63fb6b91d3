import type { CommandModule } from 'yargs';
import type { BackendName } from '../../backends/select.js';
import { demo } from '../../recipes/demo.js';
import { percent } from '../../support/numbers.js';
import { duration, terminalProgress } from '../../support/progress.js';
import * as shared from '../options.js';
import { print, printJson } from '../output.js';
import { printEvaluation } from './evaluate.js';

interface Options {
  character: string;
  directory: string;
  backend: BackendName | 'auto';
  json?: boolean;
}

export const demoCommand: CommandModule<object, Options> = {
  command: 'demo',
  describe: 'The main job on a shipped character, from discriminators to the comparison, in a few minutes',
  builder: (yargs) =>
    yargs
      .options({
        character: {
          ...shared.character,
          default: 'odile',
          describe: "A shipped character (odile, tam, …), or a data set's folder",
        },
        directory: { type: 'string', requiresArg: true, default: 'runs/demo', describe: 'Where its runs go' },
        backend: { ...shared.backend, default: 'auto' as const },
      })
      .group(['character', 'directory', 'backend'], shared.OWN)
      .epilogue(
        'It trains two discriminators, mines preference pairs by APC, trains a 4-bit LoRA on them by DPO, and ' +
          'compares base and trained on held-out queries. Each step is a command of its own; its configurations ' +
          'are configs/tiny/. Stopped, the same command goes on.',
      ),
  async handler(argv) {
    const begin = Date.now();
    const result = await demo(argv, { progress: terminalProgress() });
    if (argv.json) return printJson(result);
    const { relevance, nli, dpo, evaluation } = result;
    for (const { task, heldOut } of [relevance, nli]) {
      print(
        `${task}: ${percent(heldOut.accuracy)} right on held-out queries (always the same: ${percent(heldOut.majority)})`,
      );
    }
    print(`DPO: ${dpo.pairs} pairs, ${dpo.steps} steps\n`);
    printEvaluation(evaluation);
    print(`\nEverything is in ${argv.directory}/; it took ${duration((Date.now() - begin) / 1000)}.`);
  },
};
