import { existsSync, statSync } from 'node:fs';
import { TruecastError } from '../../support/errors.js';
import { openCsv } from './csv.js';
import { formatOf, type SourceRow, type SourceTable, TABLE_FORMATS } from './format.js';
import { jsonlRows, jsonRows } from './json.js';
import { openParquet } from './parquet.js';

/** So many rows are looked at to learn the columns of a file without a header: rows may leave keys out. */
const PEEKED = 1000;

export interface OpenOptions {
  /** Between the cells of a CSV file; a comma by default. */
  delimiter?: string | undefined;
}

/**
 * Opens a table file of any format. Throws a TruecastError for a file that is missing, empty, or cannot be read as
 * what its name says; single rows that cannot be read come as rows with a problem.
 */
export async function openTable(path: string, { delimiter }: OpenOptions = {}): Promise<SourceTable> {
  if (!existsSync(path) || !statSync(path).isFile())
    throw new TruecastError(`file not found: ${path}`, 'check the path');
  const format = formatOf(path);
  if (format === undefined) {
    throw new TruecastError(
      `unknown kind of table file: ${path}`,
      `name a file that ends in ${TABLE_FORMATS.map((name) => `.${name}`).join(', ')}`,
    );
  }
  if (statSync(path).size === 0) throw new TruecastError(`${path} is empty`, 'give a file with rows');
  const labelNames = new Map<string, readonly string[]>();
  switch (format) {
    case 'jsonl':
      return { path, format, labelNames, ...(await peeked(jsonlRows(path))) };
    case 'json':
      return { path, format, labelNames, ...(await peeked(jsonRows(path))) };
    case 'csv':
      return { path, format, labelNames, ...(await openCsv(path, delimiter ?? ',')) };
    case 'tsv':
      return { path, format, labelNames, ...(await openCsv(path, delimiter ?? '\t')) };
    case 'parquet':
      return { path, format, ...(await openParquet(path)) };
  }
}

/** The keys of the first rows, as columns; the rows that were looked at come first again. */
async function peeked(
  source: AsyncGenerator<SourceRow>,
): Promise<{ columns: string[]; rows: AsyncIterable<SourceRow> }> {
  const first: SourceRow[] = [];
  const columns = new Set<string>();
  while (first.length < PEEKED) {
    const next = await source.next();
    if (next.done) break;
    first.push(next.value);
    for (const name of Object.keys(next.value.values ?? {})) columns.add(name);
  }
  async function* all(): AsyncGenerator<SourceRow> {
    yield* first;
    yield* source;
  }
  return { columns: [...columns], rows: all() };
}
