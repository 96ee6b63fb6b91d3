import { TruecastError } from '../support/errors.js';
import type { DataSet } from './dataSet.js';
import {
  dialoguesTable,
  NLI_LABELS,
  nliTable,
  type PairRow,
  queriesTable,
  RELEVANCE_LABELS,
  relevanceTable,
  SPLITS,
  type SplitName,
  statementsTable,
} from './rows.js';
import type { TableSchema } from './schema.js';
import type { TableFormat } from './tables/format.js';
import { type Cell, tableFileBytes, type WrittenColumn } from './tables/write.js';

/**
 * - published: the columns of the published project's data sets
 * - truecast: our own tables, with everything they hold
 * - messages: dialogues as chat messages, for supervised fine-tuning elsewhere
 * - preferences: prompt, chosen and rejected as chat messages, as TRL takes them
 */
export const EXPORT_SCHEMAS = ['published', 'truecast', 'messages', 'preferences'] as const;
export type ExportSchema = (typeof EXPORT_SCHEMAS)[number];

export interface ExportedFile {
  /** Its path in the export. */
  path: string;
  rows: number;
  bytes: Uint8Array;
}

type Row = Record<string, Cell>;
const text = (...names: string[]): WrittenColumn[] => names.map((name) => ({ name, type: 'text' }));

/**
 * The files of a data set in a schema and format. The sides of the split become `train` and `test` files, one folder
 * a table, as `datasets.load_dataset(FOLDER)` finds them; our own tables have a column for it.
 */
export function exportFiles(
  dataSet: DataSet,
  schema: ExportSchema,
  format: TableFormat,
  { system }: { system?: string | undefined } = {},
): ExportedFile[] {
  switch (schema) {
    case 'published':
      return published(dataSet, format);
    case 'truecast':
      return own(dataSet, format);
    case 'messages':
      return messages(dataSet, format, system);
    case 'preferences':
      return preferences(dataSet, format, system);
  }
}

function published(
  { character, statements, relevance = [], nli = [] }: DataSet,
  format: TableFormat,
): ExportedFile[] {
  const { name } = character;
  const statementRows = statements.map((row) => ({ character: name, statement: row.text }));
  const relevanceRows = relevance.map(({ statement, query, label, split }) => ({
    split,
    row: { character: name, statement, query, relevant: RELEVANCE_LABELS[label] },
  }));
  const nliRows = nli.map(({ statement, query, response, label, split }) => ({
    split,
    row: { character: name, statement, query, response, label: NLI_LABELS[label] },
  }));
  return [
    file(`statements/statements.${format}`, format, text('character', 'statement'), statementRows),
    ...sides('relevance', format, text('character', 'statement', 'query', 'relevant'), relevanceRows),
    ...sides('nli', format, text('character', 'statement', 'query', 'response', 'label'), nliRows),
  ];
}

function own(dataSet: DataSet, format: TableFormat): ExportedFile[] {
  const { statements, queries, relevance, nli, dialogues } = dataSet;
  const table = (name: string, { columns }: TableSchema<object>, rows: readonly object[]): ExportedFile =>
    file(
      `${name}.${format}`,
      format,
      columns.map(
        ({ name: column, scalar, list }): WrittenColumn => ({
          name: column,
          type: list ? 'texts' : scalar === 'utf8' ? 'text' : 'integer',
        }),
      ),
      rows as readonly Row[],
    );
  return [
    table('statements', statementsTable, statements),
    table('queries', queriesTable, queries),
    ...(relevance ? [table('relevance', relevanceTable, relevance)] : []),
    ...(nli ? [table('nli', nliTable, nli)] : []),
    ...(dialogues ? [table('dialogues', dialoguesTable, dialogues)] : []),
  ];
}

function messages(
  { character, dialogues }: DataSet,
  format: TableFormat,
  system: string | undefined,
): ExportedFile[] {
  checkNested(format, 'messages');
  if (!dialogues?.length)
    throw new TruecastError(`${character.id} has no dialogues`, 'choose another --schema');
  const rows = dialogues.map(({ query, response, split }) => ({
    split,
    row: { messages: [...prompt(query, system), { role: 'assistant', content: response }] },
  }));
  return sides('', format, [{ name: 'messages', type: 'json' }], rows);
}

/** Pairs of an entailed and a contradicted response to the same query, judged by the same statement. */
function preferences(
  { character, nli = [] }: DataSet,
  format: TableFormat,
  system: string | undefined,
): ExportedFile[] {
  const groups = new Map<string, { query: string; split: SplitName; chosen: string[]; rejected: string[] }>();
  for (const { statementId, queryId, query, response, label, split } of nli) {
    const key = JSON.stringify([statementId, queryId]);
    const group = groups.get(key) ?? { query, split, chosen: [], rejected: [] };
    groups.set(key, group);
    if (NLI_LABELS[label] === 'entailed') group.chosen.push(response);
    if (NLI_LABELS[label] === 'contradicted') group.rejected.push(response);
  }
  const pairs = new Map<string, { split: SplitName; row: Row }>();
  for (const { query, split, chosen, rejected } of groups.values()) {
    for (const good of chosen) {
      for (const bad of rejected) {
        pairs.set(JSON.stringify([query, good, bad]), { split, row: preference(query, good, bad, system) });
      }
    }
  }
  if (pairs.size === 0) {
    throw new TruecastError(
      `${character.id} has no query with an entailed and a contradicted response`,
      'choose another --schema, or export the pairs of a DPO run (its pairs.arrow)',
    );
  }
  checkNested(format, 'preferences');
  return sides('', format, PREFERENCE, [...pairs.values()]);
}

const PREFERENCE: WrittenColumn[] = ['prompt', 'chosen', 'rejected'].map((name) => ({ name, type: 'json' }));

/** Preference pairs of a run in TRL's conversational form. */
export function exportPairs(
  pairs: readonly PairRow[],
  format: TableFormat,
  { system }: { system?: string | undefined } = {},
): ExportedFile[] {
  checkNested(format, 'preferences');
  const rows = pairs.map(({ query, chosen, rejected }) => preference(query, chosen, rejected, system));
  return [file(`train.${format}`, format, PREFERENCE, rows)];
}

function preference(query: string, chosen: string, rejected: string, system: string | undefined): Row {
  return {
    prompt: prompt(query, system),
    chosen: [{ role: 'assistant', content: chosen }],
    rejected: [{ role: 'assistant', content: rejected }],
  };
}

function prompt(query: string, system: string | undefined): { role: string; content: string }[] {
  const user = { role: 'user', content: query };
  return system === undefined ? [user] : [{ role: 'system', content: system }, user];
}

function checkNested(format: TableFormat, schema: ExportSchema): void {
  if (format === 'jsonl' || format === 'json') return;
  throw new TruecastError(`--schema ${schema} has no form in ${format}`, 'give --format jsonl or json');
}

/** A file for each side that has rows. */
function sides(
  folder: string,
  format: TableFormat,
  columns: readonly WrittenColumn[],
  rows: readonly { split: SplitName; row: Row }[],
): ExportedFile[] {
  return SPLITS.flatMap((split) => {
    const own = rows.filter((row) => row.split === split).map(({ row }) => row);
    const side = split === 'train' ? 'train' : 'test';
    const name = format === 'parquet' ? `data/${side}-00000-of-00001` : side;
    const path = `${folder === '' ? '' : `${folder}/`}${name}.${format}`;
    return own.length === 0 ? [] : [file(path, format, columns, own)];
  });
}

function file(
  path: string,
  format: TableFormat,
  columns: readonly WrittenColumn[],
  rows: readonly Row[],
): ExportedFile {
  return { path, rows: rows.length, bytes: tableFileBytes(format, columns, rows) };
}
