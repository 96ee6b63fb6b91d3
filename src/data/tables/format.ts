import { extname } from 'node:path';

/** The kinds of table files that people keep data sets in. */
export const TABLE_FORMATS = ['jsonl', 'json', 'csv', 'tsv', 'parquet'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

const BY_EXTENSION: Readonly<Record<string, TableFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.parquet': 'parquet',
};

/** The format that a file's name says it has. */
export function formatOf(path: string): TableFormat | undefined {
  return BY_EXTENSION[extname(path).toLowerCase()];
}

/** A row as it stands in a file, or why it could not be read. */
export interface SourceRow {
  /** `file:line`, or `file: row n` (from 1) in formats without lines. */
  place: string;
  values?: Record<string, unknown>;
  problem?: string;
}

/** A table file that has been opened: its columns are known, its rows are still to be read. */
export interface SourceTable {
  path: string;
  format: TableFormat;
  columns: string[];
  /** Names of integer labels, by column, where the file itself has them. */
  labelNames: ReadonlyMap<string, readonly string[]>;
  rows: AsyncIterable<SourceRow>;
}
