import { TruecastError } from '../support/errors.js';
import { RESPONSE_KINDS } from './characterFormat.js';
import type { DataSetStatistics } from './describe.js';
import type { Accuracy, GiveAway } from './giveaway.js';
import { SPLITS } from './rows.js';
import type { CharacterStatistics } from './statistics.js';

export const TABLE_BEGIN = '<!-- statistics: begin, written by truecast dataset build -->';
export const TABLE_END = '<!-- statistics: end -->';

/** The statistics of all characters as a table in Markdown; also readable as it is in a terminal. */
export function statisticsTable(all: readonly CharacterStatistics[]): string {
  const head = [
    'character',
    'language',
    'statements',
    'queries train / held-out',
    'relevance yes / no',
    'NLI entailed / neutral / contradicted',
    'response length e / n / c',
    'closeness e / n / c',
    'give-away, new query',
    'give-away, new target',
  ];
  const rows = all.map((s) => [
    s.character,
    s.language,
    String(s.statements),
    `${s.queries.train} / ${s.queries['held-out']}`,
    (['yes', 'no'] as const)
      .map((label) => sum(SPLITS.map((split) => s.relevance[split][label])))
      .join(' / '),
    RESPONSE_KINDS.map((label) => sum(SPLITS.map((split) => s.nli[split][label]))).join(' / '),
    `${RESPONSE_KINDS.map((label) => s.length[label].toFixed(1)).join(' / ')} ${s.lengthUnit}`,
    RESPONSE_KINDS.map((label) => s.closeness[label].toFixed(2)).join(' / '),
    percent(s.giveAway.newQuery),
    percent(s.giveAway.newTarget),
  ]);
  return markdownTable([head, ...rows]);
}

/** The statistics of data sets of any origin as such a table. */
export function dataSetTable(all: readonly DataSetStatistics[]): string {
  const absent = '–';
  const head = [
    'data set',
    'language',
    'statements',
    'queries train / held-out',
    'relevance yes / no',
    'NLI entailed / neutral / contradicted',
    'dialogues',
    'length statement / query',
    'response length e / n / c',
    'near-duplicate statements / queries',
    'give-away, new query',
    'give-away, new target',
  ];
  const rows = all.map((s) => [
    s.character,
    s.language,
    String(s.statements),
    `${s.queries.train} / ${s.queries['held-out']}`,
    s.relevance
      ? (['yes', 'no'] as const)
          .map((label) => sum(SPLITS.map((split) => s.relevance![split][label])))
          .join(' / ')
      : absent,
    s.nli
      ? RESPONSE_KINDS.map((label) => sum(SPLITS.map((split) => s.nli![split][label]))).join(' / ')
      : absent,
    s.dialogues === undefined ? absent : String(s.dialogues),
    `${s.length.statement.toFixed(1)} / ${s.length.query.toFixed(1)} ${s.lengthUnit}`,
    s.length.response
      ? RESPONSE_KINDS.map((label) => s.length.response![label].toFixed(1)).join(' / ')
      : absent,
    `${s.nearDuplicates.statements} / ${s.nearDuplicates.queries}`,
    s.giveAway ? percent(s.giveAway.newQuery) : absent,
    s.giveAway ? percent(s.giveAway.newTarget) : absent,
  ]);
  return markdownTable([head, ...rows]);
}

/** The words that hint at a label, per character. */
export function tellingWordsTable(
  all: readonly { character: string; giveAway?: GiveAway }[],
  perCharacter = 8,
): string {
  const rows = all.flatMap(({ character, giveAway }) =>
    (giveAway?.words ?? [])
      .slice(0, perCharacter)
      .map(({ word, label, count, share, logOdds, z }) => [
        character,
        word,
        label,
        String(count),
        `${(100 * share).toFixed(0)} %`,
        logOdds.toFixed(2),
        z.toFixed(1),
      ]),
  );
  return markdownTable([['character', 'word', 'label', 'responses', 'share', 'log-odds', 'z'], ...rows]);
}

/** A README with the text between its markers replaced. Throws a TruecastError if a marker is missing. */
export function withStatistics(readme: string, table: string, path: string): string {
  const begin = readme.indexOf(TABLE_BEGIN);
  const end = readme.indexOf(TABLE_END);
  if (begin === -1 || end < begin) {
    throw new TruecastError(
      `no place for the statistics in ${path}`,
      `put these two lines where the table belongs:\n${TABLE_BEGIN}\n${TABLE_END}`,
    );
  }
  return `${readme.slice(0, begin + TABLE_BEGIN.length)}\n\n${table}\n\n${readme.slice(end)}`;
}

function markdownTable([head, ...rows]: readonly string[][]): string {
  const width = head!.map((_, i) => Math.max(3, ...[head!, ...rows].map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c, i) => c.padEnd(width[i]!)).join(' | ')} |`;
  return [line(head!), line(width.map((n) => '-'.repeat(n))), ...rows.map(line)].join('\n');
}

function percent({ accuracy, standardError }: Accuracy): string {
  return `${(100 * accuracy).toFixed(0)} ± ${(100 * standardError).toFixed(0)} %`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, x) => total + x, 0);
}
