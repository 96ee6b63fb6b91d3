import { percent, percentInterval } from '../../support/numbers.js';
import { wilsonInterval } from '../../support/statistics.js';
import { harmless, textWidth, wrapText } from '../../support/textWidth.js';
import { LABELS_OF, type LabelledTable, type ReviewRow } from './rows.js';
import type { ReviewSession } from './session.js';

/** A label's key is its first letter. */
export const LABEL_KEYS: Record<LabelledTable, Readonly<Record<string, number>>> = {
  relevance: keysOf('relevance'),
  nli: keysOf('nli'),
};

function keysOf(table: LabelledTable): Record<string, number> {
  return Object.fromEntries(LABELS_OF[table].map((label, i) => [label[0]!, i]));
}

const QUESTIONS: Record<LabelledTable, string> = {
  relevance: 'Must a good answer to the query draw on the statement?',
  nli: 'What does the response, given to the query, do to the statement?',
};

export interface PageOptions {
  columns: number;
  rows: number;
  color: boolean;
  /** Lines of the texts that are scrolled past. */
  scroll: number;
}

/** Text style that takes no column; none without colour. */
type Style = 'bold' | 'dim' | 'plain';

interface Line {
  text: string;
  style: Style;
}

/** What is asked and the step before give way where fewer lines than this are left for the texts. */
const MIN_TEXT_LINES = 6;

/**
 * The page of a session's current row, as lines that fit the terminal. The texts scroll where they don't fit;
 * what is asked and the keys stay in view.
 */
export function page(session: ReviewSession, options: PageOptions): { lines: string[]; maxScroll: number } {
  // the last column is left free: terminals differ in what a full line does
  const columns = Math.max(10, options.columns - 1);
  const row = session.current;
  const wrapped = (text: string, style: Style): Line[] =>
    wrapText(harmless(text), columns).map((line) => ({ text: line, style }));
  const header = wrapped(headline(session), 'dim');
  const body = row === undefined ? wrapped('All rows are checked.', 'bold') : texts(row, wrapped, columns);
  const question = row ? wrapped(QUESTIONS[row.table], 'bold') : [];
  const needed = [
    ...(row && session.options.showLabel ? wrapped(givenLabels(row), 'plain') : []),
    ...wrapped(keys(row), 'plain'),
  ];
  const before = wrapped(lastStep(session), 'dim');
  // a blank line before the texts, one after them
  const roomFor = (below: Line[]) => options.rows - header.length - below.length - 2;
  const whole = [...question, ...needed, ...before];
  const footer = roomFor(whole) >= MIN_TEXT_LINES ? whole : needed;
  const room = Math.max(1, roomFor(footer));
  const maxScroll = Math.max(0, body.length - room);
  const scroll = Math.min(options.scroll, maxScroll);
  const shown = body.slice(scroll, scroll + room);
  const more: Line[] =
    maxScroll === 0
      ? [{ text: '', style: 'plain' }]
      : [
          {
            text: fitted(`lines ${scroll + 1}–${scroll + shown.length} of ${body.length}: ↑ ↓`, columns),
            style: 'dim',
          },
        ];
  const all = [...header, { text: '', style: 'plain' as const }, ...shown, ...more, ...footer];
  return { lines: all.slice(-options.rows).map((line) => styled(line, options.color)), maxScroll };
}

function headline({ state }: ReviewSession): string {
  const { rows, standing } = state;
  const skipped = [...standing.values()].filter(({ action }) => action === 'skip').length;
  const done = standing.size - skipped;
  return `${done} of ${rows.length} labelled${skipped > 0 ? ` · ${skipped} skipped` : ''}`;
}

function texts(row: ReviewRow, wrapped: (text: string, style: Style) => Line[], columns: number): Line[] {
  const parts = [
    [`statement about ${row.name}`, row.statement],
    ['query', row.query],
    ...(row.response === null ? [] : [['response', row.response]]),
  ] as [string, string][];
  return parts.flatMap(([title, text], i) => [
    ...(i > 0 ? [{ text: '', style: 'plain' as const }] : []),
    ...wrapped(title, 'dim'),
    ...(columns < 20 ? wrapped(text, 'plain') : indented(text, columns)),
  ]);
}

function indented(text: string, columns: number): Line[] {
  return wrapText(harmless(text), columns - 2).map((line) => ({ text: `  ${line}`, style: 'plain' }));
}

function givenLabels({ table, label, secondLabel }: ReviewRow): string {
  const name = (id: number) => LABELS_OF[table][id];
  return secondLabel === null
    ? `the teacher: ${name(label)}`
    : `the teacher: ${name(label)}; the second one: ${name(secondLabel)}`;
}

function keys(row: ReviewRow | undefined): string {
  const labels = row ? LABELS_OF[row.table].map((label) => `[${label[0]}] ${label}`) : [];
  return [...labels.reverse(), ...(row ? ['[s] skip'] : []), '[u] undo', '[q] quit'].join('  ');
}

/** The step before, with the teacher's label, which the person could not see when giving theirs. */
function lastStep({ last, state }: ReviewSession): string {
  if (last === undefined) return '';
  const { row, decision } = last;
  if (decision.action === 'skip') return 'before: skipped';
  const name = LABELS_OF[row.table][decision.label!];
  return `before: you ${name}; ${givenLabels(row)}. ${soFar(state)}`;
}

function soFar({ rows, standing }: ReviewSession['state']): string {
  const checked = rows.filter(
    ({ rowId, why }) => why === 'sample' && standing.get(rowId)?.action === 'label',
  );
  if (checked.length === 0) return '';
  const equal = checked.filter(({ rowId, label }) => standing.get(rowId)!.label === label).length;
  const interval = percentInterval(wilsonInterval(equal, checked.length));
  return `The teacher is right in ${equal} of ${checked.length}: ${percent(equal / checked.length)} (${interval})`;
}

function fitted(text: string, columns: number): string {
  return textWidth(text) <= columns ? text : '…';
}

function styled({ text, style }: Line, color: boolean): string {
  if (!color || style === 'plain' || text === '') return text;
  return `\x1b[${style === 'bold' ? 1 : 2}m${text}\x1b[0m`;
}
