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
 * @param ends where chunks end, ascending: the last end is the table's length
 * @param produce the rows from `begin` to `end`
 */
export async function resumableTable<Row extends object>(
  path: string,
  schema: TableSchema<Row>,
  ends: readonly number[],
  produce: (begin: number, end: number) => Promise<Row[]>,
): Promise<Row[]> {
  const partial = path.replace(/\.arrow$/, '.partial.jsonl');
  if (existsSync(path)) {
    rmSync(partial, { force: true });
    return readTable(path, schema);
  }
  dropHalfLine(partial);
  const found = existsSync(partial) ? readJsonl(partial, schema) : [];
  const rows = found.slice(0, ends.findLast((end) => end <= found.length) ?? 0);
  writeJsonl(partial, schema, rows);
  for (const end of ends) {
    if (end <= rows.length) continue;
    const made = await produce(rows.length, end);
    appendLine(partial, made.map((row) => JSON.stringify(row)).join('\n'));
    rows.push(...made);
  }
  writeTable(path, schema, rows);
  rmSync(partial);
  return rows;
}

/** The ends of chunks of `size` rows; the last may be shorter. */
export function chunkEnds(total: number, size: number): number[] {
  return Array.from({ length: Math.ceil(total / size) }, (_, i) => Math.min((i + 1) * size, total));
}
