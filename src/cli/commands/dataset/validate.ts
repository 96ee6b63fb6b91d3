import type { CommandModule } from 'yargs';
import { validateDatasets } from '../../../data/index.js';
import { checkDatasets } from '../../../recipes/inspectDatasets.js';
import { TruecastError, UsageError } from '../../../support/errors.js';
import { helpEnd, OWN } from '../../options.js';
import { note, print, printJson } from '../../output.js';
import { aboutDataSets, root, splitting } from './options.js';

interface Options {
  datasets?: string[];
  root?: string;
  'near-duplicate': number;
  json?: boolean;
}

export const validateCommand: CommandModule<object, Options> = {
  command: 'validate [datasets..]',
  describe: 'Check data sets, or the annotated characters: everything that is wrong, at once',
  builder: (yargs) =>
    yargs
      .positional('datasets', {
        type: 'string',
        array: true,
        describe: 'Data sets, or annotated characters (.yaml); all characters of the root by default',
      })
      .options({
        root,
        'near-duplicate': {
          ...splitting['near-duplicate'],
          describe: 'Queries at least this alike on both sides of the split are warned of',
        },
      })
      .group(['root', 'near-duplicate'], OWN)
      .epilogue(
        helpEnd(
          {
            'a data set that was imported': 'truecast dataset validate my-datasets/alice',
            'annotated characters of your own': 'truecast dataset validate --root my-datasets',
          },
          'Checked are the versions of the tables, ids and what refers to them, texts that differ between tables, rows ' +
            'that differ in their label alone, and what training has seen of the held-out queries. Problems make ' +
            'the exit code 1, warnings do not.',
          aboutDataSets,
        ),
      ),
  async handler({ datasets = [], root, 'near-duplicate': nearDuplicate, json }) {
    if (datasets.length === 0) {
      const characters = await validateDatasets({ ...(root === undefined ? {} : { root }), log: note });
      if (!json) return print(`${characters.length} characters are valid`);
      return printJson(
        characters.map(({ id, statements, queries }) => ({
          id,
          statements: statements.length,
          queries: queries.length,
        })),
      );
    }
    if (root !== undefined) throw new UsageError('--root and names', 'give one or the other');
    const checks = checkDatasets(datasets, nearDuplicate);
    const problems = checks.flatMap((check) =>
      check.problems.map((problem) => `${check.folder}: ${problem}`),
    );
    for (const { folder, warnings } of checks) for (const line of warnings) note(`${folder}: ${line}`);
    if (json) printJson(checks);
    if (problems.length > 0) {
      const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
      throw new TruecastError(
        `${count}:\n  ${problems.join('\n  ')}`,
        'mend them where the data set came from, and make it again',
      );
    }
    if (!json) print(`${checks.length === 1 ? '1 data set is' : `${checks.length} data sets are`} valid`);
  },
};
