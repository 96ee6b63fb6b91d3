import type { CommandModule } from 'yargs';
import {
  buildDatasets,
  datasetStatistics,
  statisticsTable,
  tellingWordsTable,
  validateDatasets,
} from '../../data/index.js';
import { TruecastError } from '../../support/errors.js';
import { helpEnd, OWN } from '../options.js';
import { print, printJson } from '../output.js';

interface Options {
  action: 'build' | 'validate' | 'stats';
  root?: string;
  check: boolean;
  json?: boolean;
}

export const datasetCommand: CommandModule<object, Options> = {
  command: 'dataset <action>',
  describe: 'Build, validate or describe the annotated characters',
  builder: (yargs) =>
    yargs
      .positional('action', {
        choices: ['build', 'validate', 'stats'] as const,
        demandOption: true,
        describe: 'build: annotations → Arrow files; validate: check them; stats: print the statistics',
      })
      .group(['root', 'check'], OWN)
      .epilogue(
        helpEnd(
          {
            'the shipped characters in numbers': 'truecast dataset stats',
            'check characters of your own': 'truecast dataset validate --root my-datasets',
          },
          'A root holds characters/NAME.yaml, as datasets/README.md describes them; build makes of each a folder ' +
            'NAME, which --character and configurations take.',
        ),
      )
      .options({
        root: {
          type: 'string',
          requiresArg: true,
          describe: 'Folder of the data sets; the shipped ones by default',
        },
        check: {
          type: 'boolean',
          default: false,
          describe: 'With build: only say what would change; exit 1 if anything',
        },
      }),
  async handler({ action, root, check, json }) {
    const where = root === undefined ? {} : { root };
    const log = (line: string) => process.stderr.write(`${line}\n`);
    if (action === 'build') {
      const report = await buildDatasets({ ...where, check, log });
      if (json) printJson(report);
      else print(statisticsTable(report.statistics));
      if (check && report.differences.length > 0) {
        const list = report.differences.map(({ path, why }) => `  ${path}: ${why}`).join('\n');
        throw new TruecastError(`files that differ from a rebuild:\n${list}`, 'run truecast dataset build');
      }
    } else if (action === 'validate') {
      const characters = await validateDatasets({ ...where, log });
      if (json)
        printJson(
          characters.map(({ id, statements, queries }) => ({
            id,
            statements: statements.length,
            queries: queries.length,
          })),
        );
      else print(`${characters.length} characters are valid`);
    } else {
      const statistics = await datasetStatistics(where);
      if (json) printJson(statistics);
      else print(`${statisticsTable(statistics)}\n\n${tellingWordsTable(statistics)}`);
    }
  },
};
