import type { CommandModule } from 'yargs';
import { type Mapping, ROLES, TABLES, type TableName } from '../../../data/import/columns.js';
import { LABELS } from '../../../data/import/labels.js';
import { type ImportResult, importDataset } from '../../../recipes/importDataset.js';
import { UsageError } from '../../../support/errors.js';
import { helpEnd, OWN } from '../../options.js';
import { note, print, printJson, table } from '../../output.js';
import { pairsOf } from '../../pairs.js';
import { out, type SplittingOptions, splitOptions, splitting } from './options.js';

interface Options extends SplittingOptions {
  sources: string[];
  out: string;
  columns?: string;
  labels?: string;
  table?: TableName;
  character?: string;
  id?: string;
  language?: string;
  delimiter?: string;
  'skip-bad': boolean;
  resplit: boolean;
  json?: boolean;
}

const text = { type: 'string', requiresArg: true } as const;
const own = {
  out: { ...out, describe: 'Folder that gets a folder for each character' },
  columns: { ...text, describe: `Columns: ROLE=COLUMN,…; roles are ${ROLES.join(', ')}` },
  labels: {
    ...text,
    describe: 'Labels: NAME=VALUE,… as in no=0,yes=1 or contradicted=2,neutral=1,entailed=0',
  },
  table: { choices: TABLES, describe: 'What the files hold, where their columns do not say it' },
  character: { ...text, describe: 'Only this character; or whose the rows are, where no column says it' },
  id: {
    ...text,
    describe: 'Id of the one character, and name of its folder, instead of one made of its name',
  },
  language: { ...text, describe: 'Language (en, zh, …) of rows that name none; by their script otherwise' },
  delimiter: { ...text, describe: 'What is between the cells of CSV files' },
  'skip-bad': {
    type: 'boolean',
    default: false,
    describe: 'Leave bad rows out and list them in OUT/skipped.jsonl, instead of failing',
  },
  resplit: { type: 'boolean', default: false, describe: 'Split by query, whatever split the files have' },
} as const;

export const importCommand: CommandModule<object, Options> = {
  command: 'import <sources..>',
  describe: 'Make data sets of table files: JSON lines, JSON, CSV, TSV, Parquet',
  builder: (yargs) =>
    yargs
      .positional('sources', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Files, or folders such as those of a Hugging Face data set',
      })
      .options({ ...own, ...splitting })
      .group([...Object.keys(own), ...Object.keys(splitting)], OWN)
      .epilogue(
        helpEnd(
          {
            'both files of a character':
              'truecast dataset import Alice.relevance.json Alice.nli.v2.json --out my-datasets',
            'one character of a large set, with its own column names':
              'truecast dataset import rows.csv --columns statement=persona_statement,query=user_utterance \\\n' +
              '    --character Beethoven --out my-datasets',
          },
          'Files with statement, query and label (or relevant) are relevance rows; with a response, too, NLI rows; ' +
            'query and response alone are dialogues. How columns and labels were understood is printed. Integers as NLI ' +
            'labels need --labels, as projects number them differently.',
          'The split of files (train-00000-of-00001.parquet, test.jsonl) or of a column is kept; otherwise queries are ' +
            'split, and training queries nearly like a held-out one are left out, as split.json then says.',
        ),
      ),
  async handler(argv) {
    const { sources, out, table, character, id, language, delimiter, resplit } = argv;
    const result = await importDataset({
      sources,
      out,
      columns: columnsOf(argv.columns),
      labels: labelsOf(argv.labels),
      table,
      character,
      id,
      language,
      delimiter: delimiter === '\\t' ? '\t' : delimiter,
      skipBad: argv['skip-bad'],
      resplit,
      split: splitOptions(argv),
    });
    report(result);
    if (argv.json) printJson(result);
    else print(charactersTable(result));
  },
};

function columnsOf(given: string | undefined): Mapping {
  const pairs = given === undefined ? [] : pairsOf('columns', given);
  for (const [role] of pairs) {
    if (!(ROLES as string[]).includes(role))
      throw new UsageError(`--columns: there is no role ${role}`, `roles are ${ROLES.join(', ')}`);
  }
  return Object.fromEntries(pairs);
}

function labelsOf(given: string | undefined): [string, string][] {
  const pairs = given === undefined ? [] : pairsOf('labels', given);
  const known = Object.values(LABELS).flat();
  for (const [name] of pairs) {
    if (!known.includes(name))
      throw new UsageError(`--labels: there is no label ${name}`, `labels are ${known.join(', ')}`);
  }
  return pairs;
}

/** How the files were understood, and what was left aside. */
function report({ sources, bad, skipped, duplicates, passedOver, characters }: ImportResult): void {
  const pairs = (mapping: object) =>
    Object.entries(mapping)
      .map(([name, value]) => `${name}=${[value].flat().join('|')}`)
      .join(', ');
  for (const { path, table, rows, columns, labels, split, unused } of sources) {
    note(`${path}: ${rows} rows of ${table}${split === undefined ? '' : `, ${split} by its name`}`);
    note(`  columns: ${pairs(columns)}${unused.length > 0 ? `; not used: ${unused.join(', ')}` : ''}`);
    if (labels) note(`  labels: ${pairs(labels)}`);
  }
  if (duplicates.length > 0) {
    const [first] = duplicates;
    note(`${duplicates.length} rows repeat others, and count once (${first!.place} repeats ${first!.of})`);
  }
  if (passedOver > 0) note(`${passedOver} rows are of other characters`);
  if (bad > 0) note(`${bad} bad rows are left out, and in ${skipped}`);
  for (const { id, queries, lacks } of characters) {
    if (lacks.length > 0) note(`${id}: no ${lacks.join(', no ')}: no file had such rows`);
    if (queries.dropped > 0)
      note(
        `${id}: ${queries.dropped} training queries are left out, too like a held-out one (--near-duplicate)`,
      );
    if (queries.heldOut === 0) note(`${id}: nothing is held out: there are too few queries`);
  }
}

function charactersTable({ characters }: ImportResult): string {
  const header = [
    'folder',
    'name',
    'language',
    'statements',
    'train / held-out',
    'relevance',
    'nli',
    'dialogues',
    'split',
  ];
  const rows = characters.map((c) => [
    c.folder,
    c.name,
    c.language,
    String(c.statements),
    `${c.queries.train} / ${c.queries.heldOut}`,
    ...[c.relevance, c.nli, c.dialogues].map((count) => (count === undefined ? '–' : String(count))),
    c.split,
  ]);
  return table([header, ...rows]);
}
