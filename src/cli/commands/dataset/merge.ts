import type { CommandModule } from 'yargs';
import { CONFLICT_RULES, type ConflictRule } from '../../../data/merge.js';
import { mergeDatasets } from '../../../recipes/mergeDatasets.js';
import { helpEnd, OWN } from '../../options.js';
import { note, print, printJson } from '../../output.js';
import { aboutDataSets, out } from './options.js';

interface Options {
  datasets: string[];
  out: string;
  conflicts: ConflictRule;
  json?: boolean;
}

export const mergeCommand: CommandModule<object, Options> = {
  command: 'merge <datasets..>',
  describe: 'Join data sets of one character: shards of a run, or several sources',
  builder: (yargs) =>
    yargs
      .positional('datasets', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'The data sets; where they disagree, the first has precedence',
      })
      .options({
        out: { ...out, describe: 'New folder for the result' },
        conflicts: {
          choices: CONFLICT_RULES,
          default: 'drop' as const,
          describe: 'Rows that differ in the label alone: drop both, take the first, or fail',
        },
      })
      .group(['out', 'conflicts'], OWN)
      .epilogue(
        helpEnd(
          { 'four shards': 'truecast dataset merge shards/*/alice --out my-datasets/alice' },
          'Statements and queries are the same where their texts are; ids that clash are renamed. All that the data ' +
            'sets disagree on is in conflicts.jsonl in the result. A query stays on the side of the split where it ' +
            'first comes up; what is alike across data sets may then be on both sides: validate says so, split mends it.',
          aboutDataSets,
        ),
      ),
  async handler({ datasets, out, conflicts, json }) {
    const result = await mergeDatasets(datasets, out, conflicts);
    if (result.conflicts.length > 0)
      note(`${result.conflicts.length} conflicts (--conflicts ${conflicts}), in ${out}/conflicts.jsonl`);
    if (result.duplicates > 0) note(`${result.duplicates} rows were in several data sets`);
    if (result.renamed.length > 0) note(`${result.renamed.length} ids clashed and were renamed`);
    if (json) return printJson(result);
    const { statements, queries, relevance, nli, dialogues } = result;
    const rows = Object.entries({ relevance, nli, dialogues })
      .filter(([, count]) => count !== undefined)
      .map(([name, count]) => `, ${name} ${count}`);
    print(
      `${out}: ${statements} statements, ${queries.train} queries in training, ${queries.heldOut} held out${rows.join('')}`,
    );
  },
};
