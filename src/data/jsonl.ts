import { extname } from 'node:path';
import { messageOf, TruecastError } from '../support/errors.js';
import { readText, writeFileAtomic } from '../support/files.js';
import { Problems } from '../support/problems.js';
import { rowProblems, type TableSchema } from './schema.js';
import { readTable } from './table.js';

/** Reports this many problems of one file at most: a wrong key usually recurs on every line. */
const SHOWN = 20;

/** Writes rows as JSON lines, keys in the schema's order. Throws a TruecastError for rows that don't fit. */
export function writeJsonl<Row extends object>(
  path: string,
  schema: TableSchema<Row>,
  rows: readonly Row[],
): void {
  const problems = new Problems();
  rows.forEach((row, i) => {
    for (const problem of rowProblems(schema, row)) problems.add(`${path}:${i + 1}`, problem);
  });
  problems.throwIfAny(`rows don't fit ${schema.id}`, 'mend the rows before writing them', SHOWN);
  writeFileAtomic(path, rows.map((row) => `${JSON.stringify(ordered(schema, row))}\n`).join(''));
}

/**
 * Reads JSON lines; lines of white space are skipped, and a nullable key that is left out is null. Throws a
 * TruecastError that names the file, the line and the key of the first 20 problems.
 */
export function readJsonl<Row extends object>(path: string, schema: TableSchema<Row>): Row[] {
  const problems = new Problems();
  const rows: Row[] = [];
  const text = readText(path, `table ${schema.id}`).replace(/^\uFEFF/, '');
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    const place = `${path}:${i + 1}`;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch (error) {
      problems.add(place, `not JSON: ${messageOf(error)}`);
      return;
    }
    const found = rowProblems(schema, row);
    for (const problem of found) problems.add(place, problem);
    if (found.length === 0) rows.push(ordered(schema, row as Row));
  });
  const keys = schema.columns.map(({ name, nullable }) => (nullable ? `${name} (optional)` : name));
  problems.throwIfAny(
    `not valid rows of ${schema.id}`,
    `one JSON object per line with the keys ${keys.join(', ')}`,
    SHOWN,
  );
  return rows;
}

/** Rows from an Arrow file or JSON lines, by the file's extension. */
export function readRows<Row extends object>(path: string, schema: TableSchema<Row>): Row[] {
  const extension = extname(path);
  if (extension === '.arrow') return readTable(path, schema);
  if (extension === '.jsonl') return readJsonl(path, schema);
  throw new TruecastError(`unknown kind of table file: ${path}`, 'name a file that ends in .arrow or .jsonl');
}

function ordered<Row extends object>(schema: TableSchema<Row>, row: Row): Row {
  const record = row as Record<string, unknown>;
  return Object.fromEntries(schema.columns.map(({ name }) => [name, record[name] ?? null])) as Row;
}
