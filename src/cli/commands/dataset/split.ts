import type { CommandModule } from 'yargs';
import { splitDataset } from '../../../recipes/splitDataset.js';
import { helpEnd, OWN } from '../../options.js';
import { note, print, printJson } from '../../output.js';
import { aboutDataSets, out, type SplittingOptions, splitOptions, splitting } from './options.js';

interface Options extends SplittingOptions {
  dataset: string;
  out: string;
  json?: boolean;
}

export const splitCommand: CommandModule<object, Options> = {
  command: 'split <dataset>',
  describe: 'Split a data set anew, by query',
  builder: (yargs) =>
    yargs
      .positional('dataset', { type: 'string', demandOption: true, describe: 'The data set' })
      .options({ out: { ...out, describe: 'New folder for the result' }, ...splitting })
      .group(['out', ...Object.keys(splitting)], OWN)
      .epilogue(
        helpEnd(
          {
            'hold out a third':
              'truecast dataset split my-datasets/alice --held-out 0.33 --out my-datasets/alice-3',
          },
          'All rows of a query are on one side. Training queries that say nearly the same as a held-out one, or have ' +
            'such a response, are left out, and named in the split.json of the result; the old data set keeps them.',
          aboutDataSets,
        ),
      ),
  async handler(argv) {
    const result = await splitDataset(argv.dataset, argv.out, splitOptions(argv));
    const { folder, train, heldOut, dropped, targetsWithoutTraining } = result;
    if (targetsWithoutTraining.length > 0)
      note(`${targetsWithoutTraining.length} statements are the target of no training query`);
    if (argv.json) return printJson(result);
    print(`${folder}: ${train} queries in training, ${heldOut} held out, ${dropped.length} left out`);
  },
};
