import type { CommandModule } from 'yargs';
import { datasetStatistics, statisticsTable, tellingWordsTable } from '../../../data/index.js';
import { dataSetTable } from '../../../data/statisticsTable.js';
import { describeDatasets } from '../../../recipes/inspectDatasets.js';
import { UsageError } from '../../../support/errors.js';
import { helpEnd, OWN } from '../../options.js';
import { print, printJson } from '../../output.js';
import { aboutDataSets, root } from './options.js';

interface Options {
  datasets?: string[];
  root?: string;
  json?: boolean;
}

export const statsCommand: CommandModule<object, Options> = {
  command: 'stats [datasets..]',
  describe: 'Describe data sets, or the annotated characters: balance, lengths, words that tell a label',
  builder: (yargs) =>
    yargs
      .positional('datasets', {
        type: 'string',
        array: true,
        describe: 'Data sets; all annotated characters of the root by default',
      })
      .options({ root })
      .group(['root'], OWN)
      .epilogue(
        helpEnd(
          {
            'the shipped characters in numbers': 'truecast dataset stats',
            'data sets that were imported': 'truecast dataset stats my-datasets/alice my-datasets/bob',
          },
          'The give-away is how often naive Bayes finds the label of a response from its words alone, without ' +
            'statement and query: a third is chance. "New query" and "new target" say what it had not seen.',
          aboutDataSets,
        ),
      ),
  async handler({ datasets = [], root, json }) {
    if (datasets.length > 0) {
      if (root !== undefined) throw new UsageError('--root and names', 'give one or the other');
      const statistics = describeDatasets(datasets);
      if (json) return printJson(statistics);
      return print(`${dataSetTable(statistics)}\n\n${tellingWordsTable(statistics)}`);
    }
    const statistics = await datasetStatistics(root === undefined ? {} : { root });
    if (json) printJson(statistics);
    else print(`${statisticsTable(statistics)}\n\n${tellingWordsTable(statistics)}`);
  },
};
