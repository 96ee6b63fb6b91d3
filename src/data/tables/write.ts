import { parquetWriteBuffer, type SchemaElement } from 'hyparquet-writer';
import { csvLine } from './csv.js';
import type { TableFormat } from './format.js';

export type Cell = string | number | boolean | readonly string[] | object | null;

/** A column of a table to be written; lists and objects are JSON in a CSV cell. */
export interface WrittenColumn {
  name: string;
  type: 'text' | 'integer' | 'texts' | 'json';
}

/**
 * The bytes of a table file. The same rows give the same bytes. A cell is written as it is: one that a spreadsheet
 * would take for a formula too, for the file is to be read back as it was.
 */
export function tableFileBytes(
  format: TableFormat,
  columns: readonly WrittenColumn[],
  rows: readonly Readonly<Record<string, Cell>>[],
): Uint8Array {
  switch (format) {
    case 'jsonl':
      return Buffer.from(rows.map((row) => `${JSON.stringify(ordered(columns, row))}\n`).join(''));
    case 'json':
      return Buffer.from(
        `[${rows.map((row) => `\n  ${JSON.stringify(ordered(columns, row))}`).join(',')}\n]\n`,
      );
    case 'csv':
      return csvBytes(columns, rows, ',');
    case 'tsv':
      return csvBytes(columns, rows, '\t');
    case 'parquet':
      return parquetBytes(columns, rows);
  }
}

function ordered(
  columns: readonly WrittenColumn[],
  row: Readonly<Record<string, Cell>>,
): Record<string, Cell> {
  return Object.fromEntries(columns.map(({ name }) => [name, row[name] ?? null]));
}

function csvBytes(
  columns: readonly WrittenColumn[],
  rows: readonly Readonly<Record<string, Cell>>[],
  delimiter: string,
): Uint8Array {
  const text = (cell: Cell | undefined): string =>
    cell === null || cell === undefined ? '' : typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
  const lines = [
    columns.map(({ name }) => name),
    ...rows.map((row) => columns.map(({ name }) => text(row[name]))),
  ];
  return Buffer.from(lines.map((cells) => csvLine(cells, delimiter)).join(''));
}

function parquetBytes(
  columns: readonly WrittenColumn[],
  rows: readonly Readonly<Record<string, Cell>>[],
): Uint8Array {
  const schema: SchemaElement[] = [{ name: 'schema', num_children: columns.length }];
  for (const { name, type } of columns) schema.push(...elements(name, type));
  const columnData = columns.map(({ name, type }) => ({
    name,
    data: rows.map((row) => {
      const cell = row[name] ?? null;
      return type === 'json' && cell !== null ? JSON.stringify(cell) : cell;
    }),
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData, schema, createdBy: 'truecast' }));
}

function elements(name: string, type: WrittenColumn['type']): SchemaElement[] {
  const leaf = (leafName: string): SchemaElement => ({
    name: leafName,
    repetition_type: 'OPTIONAL',
    type: 'BYTE_ARRAY',
    converted_type: 'UTF8',
    logical_type: { type: 'STRING' },
  });
  switch (type) {
    case 'text':
    case 'json':
      return [leaf(name)];
    case 'integer':
      return [{ name, repetition_type: 'OPTIONAL', type: 'INT32' }];
    case 'texts':
      return [
        {
          name,
          repetition_type: 'OPTIONAL',
          num_children: 1,
          converted_type: 'LIST',
          logical_type: { type: 'LIST' },
        },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        leaf('element'),
      ];
  }
}
