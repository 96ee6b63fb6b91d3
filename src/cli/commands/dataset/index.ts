import type { CommandModule } from 'yargs';
import { buildCommand } from './build.js';
import { exportCommand } from './export.js';
import { importCommand } from './import.js';
import { mergeCommand } from './merge.js';
import { splitCommand } from './split.js';
import { statsCommand } from './stats.js';
import { validateCommand } from './validate.js';

export const datasetCommand: CommandModule = {
  command: 'dataset',
  describe: 'Import, export, split, merge, check or describe data sets; build those of annotated characters',
  builder: (yargs) =>
    yargs
      .command(importCommand)
      .command(exportCommand)
      .command(splitCommand)
      .command(mergeCommand)
      .command(validateCommand)
      .command(statsCommand)
      .command(buildCommand)
      .demandCommand(1, 'name an action: truecast dataset --help lists them')
      .epilogue(
        'A data set is a folder of Arrow tables about one character. --character and configurations take it: by its ' +
          'path, and the shipped ones by their names. Each action has its own --help.',
      ),
  handler() {},
};
