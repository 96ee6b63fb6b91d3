import {
  Bool,
  type DataType,
  Field,
  Float64,
  Int8,
  Int32,
  List,
  Schema,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import { messageOf, TruecastError } from '../support/errors.js';
import { readBytes, writeFileAtomic } from '../support/files.js';
import { Problems } from '../support/problems.js';
import { type Column, rowProblems, type ScalarType, type TableSchema } from './schema.js';

/** Key of the Arrow schema's metadata that holds the table's `name/version`. */
const SCHEMA_KEY = 'truecast.schema';
const MAGIC = Buffer.from('ARROW1');

/**
 * Writes rows as an Arrow IPC file (random access format), whole or not at all. The same rows give the
 * same bytes. Throws a TruecastError that lists the rows which don't fit the schema.
 */
export function writeTable<Row extends object>(
  path: string,
  schema: TableSchema<Row>,
  rows: readonly Row[],
): void {
  writeFileAtomic(path, tableBytes(schema, rows, path));
}

/** The bytes that `writeTable` writes; `path` only names the table in errors. */
export function tableBytes<Row extends object>(
  schema: TableSchema<Row>,
  rows: readonly Row[],
  path = schema.id,
): Uint8Array {
  const problems = new Problems();
  rows.forEach((row, i) => {
    for (const problem of rowProblems(schema, row)) problems.add(`${path}: row ${i}`, problem);
  });
  problems.throwIfAny(`rows don't fit ${schema.id}`, 'mend the rows before writing them', 20);

  const columns: Record<string, Vector> = {};
  for (const column of schema.columns) {
    const values = rows.map((row) => (row as Record<string, unknown>)[column.name] ?? null);
    columns[column.name] = vectorFromArray(values, arrowType(column)) as Vector;
  }
  const fields = schema.columns.map((column) => new Field(column.name, arrowType(column), column.nullable));
  const arrow = new Schema(fields, new Map([[SCHEMA_KEY, schema.id]]));
  // Vectors of no rows hold no batch, which the constructor takes for another schema.
  return tableToIPC(rows.length === 0 ? new Table(arrow) : new Table(arrow, columns), 'file');
}

/**
 * Reads a file that `writeTable` wrote with the same schema. Throws a TruecastError if the file is missing,
 * cut short, no Arrow file, of another schema or version, or has other columns, types or values.
 */
export function readTable<Row extends object>(path: string, schema: TableSchema<Row>): Row[] {
  const table = parse(path, readBytes(path, `table ${schema.id}`));
  checkColumns(path, schema, table.schema);
  const rows: Record<string, unknown>[] = Array.from({ length: table.numRows }, () => ({}));
  for (const column of schema.columns) {
    const vector = table.getChild(column.name)!;
    rows.forEach((row, i) => {
      const value: unknown = vector.get(i);
      row[column.name] = column.list && value !== null ? Array.from(value as Iterable<unknown>) : value;
    });
  }
  const problems = new Problems();
  rows.forEach((row, i) => {
    for (const problem of rowProblems(schema, row)) problems.add(`${path}: row ${i}`, problem);
  });
  problems.throwIfAny(`not a valid ${schema.id} table`, 'write the file again from its source', 20);
  return rows as Row[];
}

function parse(path: string, bytes: Buffer): Table {
  const remedy = 'write the file again from its source (datasets: truecast dataset build), or fetch it again';
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new TruecastError(
      `not an Arrow file: ${path}`,
      'give an Arrow IPC file (.arrow), or rows as .jsonl',
    );
  }
  // The reader of apache-arrow takes what is there; the end mark is what tells a whole file.
  if (bytes.length < 2 * MAGIC.length || !bytes.subarray(-MAGIC.length).equals(MAGIC)) {
    throw new TruecastError(`Arrow file is cut short: ${path} (${bytes.length} bytes)`, remedy);
  }
  try {
    return tableFromIPC(bytes);
  } catch (error) {
    throw new TruecastError(`Arrow file is damaged: ${path}: ${messageOf(error)}`, remedy, { cause: error });
  }
}

function checkColumns(path: string, schema: TableSchema<object>, found: Schema): void {
  const id = found.metadata.get(SCHEMA_KEY);
  if (id !== schema.id) {
    const what = id === undefined ? 'names no truecast schema' : `holds ${id}`;
    throw new TruecastError(
      `wrong table: ${path} ${what}, expected ${schema.id}`,
      'give the right file; if it is an older version, write it again from its source',
    );
  }
  const problems = new Problems();
  const types = new Map(found.fields.map((field) => [field.name, String(field.type)]));
  for (const column of schema.columns) {
    const wanted = String(arrowType(column));
    const type = types.get(column.name);
    if (type === undefined) problems.add(path, `missing column ${JSON.stringify(column.name)}`);
    else if (type !== wanted)
      problems.add(path, `column ${JSON.stringify(column.name)} is ${type}, expected ${wanted}`);
    types.delete(column.name);
  }
  for (const name of types.keys()) problems.add(path, `unknown column ${JSON.stringify(name)}`);
  problems.throwIfAny(`not a valid ${schema.id} table`, 'write the file again from its source');
}

function arrowType({ scalar, list }: Column): DataType {
  const type = scalarType(scalar);
  return list ? new List(new Field('item', type, false)) : type;
}

function scalarType(scalar: ScalarType): DataType {
  switch (scalar) {
    case 'utf8':
      return new Utf8();
    case 'int8':
      return new Int8();
    case 'int32':
      return new Int32();
    case 'float64':
      return new Float64();
    case 'bool':
      return new Bool();
  }
}
