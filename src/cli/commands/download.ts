import type { CommandModule } from 'yargs';
import { download } from '../../recipes/models.js';
import { terminalProgress } from '../../support/progress.js';
import * as shared from '../options.js';
import { print, printJson } from '../output.js';

interface Options {
  models: string[];
  json?: boolean;
}

export const downloadCommand: CommandModule<object, Options> = {
  command: 'download <models..>',
  describe: 'Bring models and adapters of the Hugging Face hub into the cache, to be used without a network',
  builder: (yargs) =>
    yargs
      .positional('models', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Models of the hub: owner/name, owner/name@revision or owner/name:file.gguf',
      })
      .epilogue(
        shared.helpEnd(
          {
            'a base model, and the discriminators of the paper':
              'truecast download google/gemma-1.1-2b-it KomeijiForce/deberta-v3-large-relevance-12character \\\n' +
              '    KomeijiForce/deberta-v3-large-nli-12character',
          },
          'Only the files that truecast reads are downloaded, and each is checked; a download that was stopped ' +
            'goes on. Printed is where each model lies.',
          shared.aboutModels,
        ),
      ),
  async handler({ models, json }) {
    const located = await download(models, { progress: terminalProgress() });
    if (json) return printJson(located);
    for (const { path } of located) print(path);
  },
};
