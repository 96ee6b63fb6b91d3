import type { Argv, CommandModule } from 'yargs';
import { confusionRows, kappaText } from '../../evaluation/agreement.js';
import { applyReviewTo, reviewSoFar, setAside } from '../../recipes/review.js';
import { percent, percentInterval } from '../../support/numbers.js';
import type { ReviewReport, Share, TableReview } from '../../teacher/review/report.js';
import { ReviewSession } from '../../teacher/review/session.js';
import { needTerminal, reviewOnTerminal } from '../../teacher/review/terminal.js';
import * as shared from '../options.js';
import { numeric } from '../options.js';
import { print, printJson, table } from '../output.js';

interface Options {
  dir: string;
  share?: number;
  seed: number;
  showLabel: boolean;
  report?: boolean;
  apply?: string;
  json?: boolean;
}

export const reviewCommand: CommandModule<object, Options> = {
  command: 'review <dir>',
  describe: "Check a data set's labels yourself, a keystroke for each row, and see how right its teacher is",
  builder: (yargs) =>
    yargs
      .positional('dir', { type: 'string', demandOption: true, describe: "A data set's folder" })
      .options({
        share: {
          ...numeric('share', (n) => n > 0 && n <= 1, 'a number above 0, up to 1'),
          describe: 'First set this share of the rows aside, of each table and label; once',
        },
        seed: { ...shared.seed, default: 1, describe: 'Which rows are set aside, and in what order' },
        'show-label': {
          type: 'boolean',
          default: false,
          describe: "Show the teacher's label from the start; otherwise after yours",
        },
        report: { type: 'boolean', describe: 'Only print what has been found so far' },
        apply: {
          type: 'string',
          requiresArg: true,
          describe: 'Write the data set with your labels into this folder, which is not there yet',
        },
      })
      .conflicts('report', ['share', 'apply'])
      .conflicts('apply', 'share')
      .group(['share', 'seed', 'show-label', 'report', 'apply'], shared.OWN)
      .epilogue(
        shared.helpEnd(
          {
            'set one row in twenty aside, and begin': 'truecast review my-data --share 0.05',
            'go on later': 'truecast review my-data',
            'the figures': 'truecast review my-data --report',
            'the corrected data set': 'truecast review my-data --apply my-data-reviewed',
          },
          'Every keystroke is saved before the next row comes, in review.decisions.jsonl beside the tables. Keys: ' +
            'the first letter of a label; s skips a row until the next time, u takes the last step back, q ends.',
        ),
      ) as unknown as Argv<Options>,
  async handler({ dir, share, seed, showLabel, report, apply, json }) {
    if (apply !== undefined) {
      const applied = applyReviewTo(dir, apply);
      if (json) return printJson(applied);
      const { changed, added, dialoguesDropped, dialoguesAdded, unknown } = applied;
      print(
        `${applied.folder}: ${changed.relevance + changed.nli} labels changed, ${added.relevance + added.nli} ` +
          `rows added that two teachers disagreed on, ${dialoguesDropped} dialogues left out, ${dialoguesAdded} added` +
          `${unknown > 0 ? `; ${unknown} labelled rows are not in the tables (another build?)` : ''}`,
      );
      return;
    }
    if (!report) {
      const terminal = { input: process.stdin, output: process.stderr, env: process.env };
      needTerminal(terminal);
      if (share !== undefined) {
        process.stderr.write(`${setAside(dir, { share, seed })} rows are set aside\n`);
      }
      await reviewOnTerminal(new ReviewSession(dir, { showLabel }), terminal);
    }
    const found = reviewSoFar(dir);
    if (json) printJson(found);
    else print(reportText(found));
  },
};

function reportText({ rows, labelled, skipped, left, stale, tables }: ReviewReport): string {
  const counts = `${labelled} of ${rows} rows labelled, ${skipped} skipped, ${left} left`;
  const old = stale > 0 ? `; ${stale} decisions are on rows of another build` : '';
  return [`${counts}${old}`, ...tables.map(tableText)].join('\n\n');
}

function tableText(review: TableReview): string {
  const { labels, accuracy, byLabel, agreement, disagreements, inView } = review;
  const rows = [
    ['teacher says', 'rows', 'you agree', '95 % interval'],
    ...labels.map((label) => [label, ...shareCells(byLabel[label]!)]),
    ['all', ...shareCells(accuracy)],
  ];
  const { rows: disputed, first, second, neither } = disagreements;
  if (accuracy.rows + disputed === 0) return `${review.table}: nothing labelled yet`;
  return [
    `${review.table}\n${table(rows)}`,
    `κ ${kappaText(agreement)}`,
    table(confusionRows(agreement, labels, ['teacher', 'you'])),
    ...(disputed > 0
      ? [
          `of ${disputed} rows with two labels you sided with the first teacher in ${first}, the second in ${second}, neither in ${neither}`,
        ]
      : []),
    ...(inView > 0 ? [`${inView} labels were given with the teacher's in view`] : []),
  ].join('\n');
}

function shareCells({ correct, rows, share, interval }: Share): string[] {
  if (share === null) return ['0', '–', '–'];
  return [String(rows), `${correct} (${percent(share)})`, percentInterval(interval)];
}
