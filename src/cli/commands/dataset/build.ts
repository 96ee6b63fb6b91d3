import type { CommandModule } from 'yargs';
import { buildDatasets, statisticsTable } from '../../../data/index.js';
import { TruecastError } from '../../../support/errors.js';
import { helpEnd, OWN } from '../../options.js';
import { note, print, printJson } from '../../output.js';
import { root } from './options.js';

interface Options {
  root?: string;
  check: boolean;
  json?: boolean;
}

export const buildCommand: CommandModule<object, Options> = {
  command: 'build',
  describe: 'Make the data sets of annotated characters',
  builder: (yargs) =>
    yargs
      .options({
        root,
        check: {
          type: 'boolean',
          default: false,
          describe: 'Only say what would change; exit 1 if anything',
        },
      })
      .group(['root', 'check'], OWN)
      .epilogue(
        helpEnd(
          { 'data sets of characters of your own': 'truecast dataset build --root my-datasets' },
          'A root holds characters/NAME.yaml, as datasets/README.md describes them; build makes of each a folder ' +
            'NAME, which --character and configurations take.',
        ),
      ),
  async handler({ root, check, json }) {
    const report = await buildDatasets({ ...(root === undefined ? {} : { root }), check, log: note });
    if (json) printJson(report);
    else print(statisticsTable(report.statistics));
    if (check && report.differences.length > 0) {
      const list = report.differences.map(({ path, why }) => `  ${path}: ${why}`).join('\n');
      throw new TruecastError(`files that differ from a rebuild:\n${list}`, 'run truecast dataset build');
    }
  },
};
