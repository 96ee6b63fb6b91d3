import type { CommandModule } from 'yargs';
import { EXPORT_SCHEMAS, type ExportSchema } from '../../../data/export.js';
import { TABLE_FORMATS, type TableFormat } from '../../../data/tables/format.js';
import { exportDataset } from '../../../recipes/exportDataset.js';
import { helpEnd, OWN } from '../../options.js';
import { print, printJson } from '../../output.js';
import { aboutDataSets, out } from './options.js';

interface Options {
  dataset: string;
  out: string;
  schema: ExportSchema;
  format: TableFormat;
  system?: string;
  json?: boolean;
}

export const exportCommand: CommandModule<object, Options> = {
  command: 'export <dataset>',
  describe: 'Write a data set as JSON lines, JSON, CSV, TSV or Parquet, for other programs',
  builder: (yargs) =>
    yargs
      .positional('dataset', {
        type: 'string',
        demandOption: true,
        describe: 'The data set; or the pairs of a DPO run (pairs.arrow), with --schema preferences',
      })
      .options({
        out: { ...out, describe: 'New folder for the files' },
        schema: {
          choices: EXPORT_SCHEMAS,
          default: 'published' as const,
          describe:
            "published: the columns of the published project's data sets; truecast: our tables, with ids and all; " +
            'messages: dialogues as chats; preferences: prompt, chosen and rejected as TRL takes them',
        },
        format: { choices: TABLE_FORMATS, default: 'jsonl' as const, describe: 'The kind of the files' },
        system: {
          type: 'string',
          requiresArg: true,
          describe: 'A system message to begin every chat with',
        },
      })
      .group(['out', 'schema', 'format', 'system'], OWN)
      .epilogue(
        helpEnd(
          {
            'for datasets.load_dataset("odile/nli")':
              'truecast dataset export odile --format parquet --out odile',
            'chosen and rejected responses for TRL':
              'truecast dataset export odile --schema preferences --out odile-pairs',
          },
          'Both sides of the split become files, train and test. Cells of CSV files are written as they are: open ' +
            'files of others in a spreadsheet as text, or it computes what begins with an equals sign.',
          aboutDataSets,
        ),
      ),
  handler({ dataset, out, schema, format, system, json }) {
    const files = exportDataset({ source: dataset, out, schema, format, system });
    if (json) return printJson(files);
    for (const { path, rows } of files) print(`${path}: ${rows} rows`);
  },
};
