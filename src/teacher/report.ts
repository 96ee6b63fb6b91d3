import { NLI_LABELS, RELEVANCE_LABELS, SPLITS } from '../data/index.js';
import { percent } from '../support/numbers.js';
import type { DatasetCharacter, LabelledData } from './dataset.js';
import { FAILURES, type FailureRow } from './failures.js';
import type { Labelled } from './pipeline.js';
import { STAGES } from './teacher.js';

/** So many failures of a kind are shown; all of them are in failures.arrow. */
const SHOWN = 10;

/**
 * The report of a built data set, in Markdown: a function of the labels, without times.
 * @param further sections, before the list of what was left out
 */
export function reportText(
  character: DatasetCharacter,
  labelled: Labelled,
  data: LabelledData,
  further: readonly string[] = [],
): string {
  const { failures, merges, counts } = labelled;
  const { split } = data;
  return `${[
    `# ${cell(character.name)}`,
    cell(character.about),
    '## Stages',
    table(
      ['stage', 'questions', 'answered', 'without an answer'],
      STAGES.map((stage) => {
        const { questions = 0, answered = 0, failed = 0 } = counts[stage] ?? {};
        return [stage, String(questions), String(answered), String(failed)];
      }),
    ),
    '## Rows',
    table(
      ['table', ...SPLITS],
      [
        ['queries', ...SPLITS.map((side) => String(data.queries.filter((row) => row.split === side).length))],
        ...RELEVANCE_LABELS.map((label, i) => balance('relevance', label, data.relevance, i)),
        ...NLI_LABELS.map((label, i) => balance('nli', label, data.nli, i)),
        [
          'dialogues',
          ...SPLITS.map((side) => String(data.dialogues.filter((row) => row.split === side).length)),
        ],
      ],
    ),
    `${data.statements.length} statements; ${split.dropped.length} queries left out because a held-out one is ` +
      `nearly the same; ${split.targetsWithoutTraining.length} statements without a query in training.`,
    ...further,
    ...mergesText(merges),
    ...failuresText(failures),
  ].join('\n\n')}\n`;
}

function balance(
  name: string,
  label: string,
  rows: readonly { label: number; split: string }[],
  i: number,
): string[] {
  return [
    `${name}: ${label}`,
    ...SPLITS.map((side) => {
      const all = rows.filter((row) => row.split === side);
      const count = all.filter((row) => row.label === i).length;
      return all.length === 0 ? '0' : `${count} (${percent(count / all.length)})`;
    }),
  ];
}

function mergesText(merges: Labelled['merges']): string[] {
  if (merges.length === 0) return [];
  return [
    '## Merged statements',
    table(
      ['kept', 'left out', 'alike'],
      merges.map(({ kept, dropped, similarity }) => [kept, dropped, similarity.toFixed(2)]),
    ),
  ];
}

function failuresText(failures: readonly FailureRow[]): string[] {
  const title = '## Left out';
  if (failures.length === 0) return [title, 'Nothing.'];
  const groups = STAGES.flatMap((stage) =>
    FAILURES.map((reason) => ({
      stage,
      reason,
      rows: failures.filter((row) => row.stage === stage && row.reason === reason),
    })),
  ).filter(({ rows }) => rows.length > 0);
  return [
    title,
    'All of these are in failures.arrow; `truecast build-dataset … --retry-failures` asks them, and nothing else, again.',
    table(
      ['stage', 'reason', 'count'],
      groups.map(({ stage, reason, rows }) => [stage, reason, String(rows.length)]),
    ),
    ...groups.map(({ stage, reason, rows }) => {
      const lines = rows.slice(0, SHOWN).map((row) => {
        const what = [row.response, row.query, row.statement, row.paragraph].find((text) => text !== null);
        return `- ${cell(what ?? '')} — ${cell(row.detail)}`;
      });
      const more = rows.length > SHOWN ? [`- … and ${rows.length - SHOWN} more`] : [];
      return [`### ${stage}: ${reason}`, '', ...lines, ...more].join('\n');
    }),
  ];
}

function table(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Texts of models and documents, on one line and without Markdown of their own. */
function cell(text: string): string {
  const plain = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  const short = plain.length > 200 ? `${plain.slice(0, 200)}…` : plain;
  return short.replace(/[\\`*_[\]<>|#]/g, '\\$&');
}
