import { existsSync, rmSync } from 'node:fs';
import { appendLine, dropHalfLine } from '../support/files.js';
import { readJsonl, writeJsonl } from './jsonl.js';
import type { TableSchema } from './schema.js';
import { readTable, writeTable } from './table.js';

/**
 * A table that takes long to make, made chunk by chunk: finished chunks are kept beside it as JSONL, and a
 * stopped run goes on after them. Chunks are cut at the same places either way, so that what is computed
 * together stays together and the bytes come out the same.
 *
 * @param path of the finished table (.arrow)
 * @param total rows of the finished table
 * @param produce the rows from `begin` to `end`
 */
export async function resumableTable<Row extends object>(
  path: string,
  schema: TableSchema<Row>,
  { total, chunk }: { total: number; chunk: number },
  produce: (begin: number, end: number) => Promise<Row[]>,
): Promise<Row[]> {
  const partial = path.replace(/\.arrow$/, '.partial.jsonl');
  if (existsSync(path)) {
    rmSync(partial, { force: true });
    return readTable(path, schema);
  }
  dropHalfLine(partial);
  let rows = existsSync(partial) ? readJsonl(partial, schema) : [];
  if (rows.length < total) rows = rows.slice(0, rows.length - (rows.length % chunk));
  writeJsonl(partial, schema, rows);
  while (rows.length < total) {
    const made = await produce(rows.length, Math.min(rows.length + chunk, total));
    appendLine(partial, made.map((row) => JSON.stringify(row)).join('\n'));
    rows.push(...made);
  }
  writeTable(path, schema, rows);
  rmSync(partial);
  return rows;
}
