import { statSync } from 'node:fs';
import { messageOf, TruecastError } from '../../support/errors.js';
import type { SourceRow } from './format.js';
import { readLines, readTextPieces } from './utf8.js';

/** JSON has to be read whole; a string of V8 ends at about 512 MiB. */
const LARGEST_JSON = 400 * 2 ** 20;

/** JSON lines: one object a line. Lines of white space are passed over. */
export async function* jsonlRows(path: string): AsyncGenerator<SourceRow> {
  for await (const { number, text } of readLines(path)) {
    const place = `${path}:${number}`;
    if (text === undefined) {
      yield { place, problem: 'not UTF-8' };
    } else if (text.trim() !== '') {
      try {
        yield objectRow(place, JSON.parse(text));
      } catch (error) {
        yield { place, problem: `not JSON: ${messageOf(error)}` };
      }
    }
  }
}

/**
 * JSON as an array of objects, the same under `data`, or column by column (`{"query": […], "label": […]}`, and
 * pandas' `{"query": {"0": …}}`).
 */
export async function* jsonRows(path: string): AsyncGenerator<SourceRow> {
  const { size } = statSync(path);
  if (size > LARGEST_JSON) {
    throw new TruecastError(
      `${path} is too large to be read as one JSON document (${Math.round(size / 2 ** 20)} MiB)`,
      'convert it to JSON lines or Parquet',
    );
  }
  const pieces: string[] = [];
  for await (const piece of readTextPieces(path)) pieces.push(piece);
  const rows = rowsOf(path, parse(path, pieces.join('')));
  for (const [i, row] of rows.entries()) yield objectRow(`${path}: row ${i + 1}`, row);
}

function parse(path: string, text: string): unknown {
  if (text.trim() === '') throw new TruecastError(`${path} is empty`, 'give a file with rows');
  try {
    return JSON.parse(text);
  } catch (error) {
    const isLines = /^\s*\{.*\}\s*\n\s*\{/.test(text);
    throw new TruecastError(
      `${path} is not JSON: ${messageOf(error)}`,
      isLines ? 'it looks like JSON lines: name it .jsonl' : 'mend it, or fetch it again',
    );
  }
}

function rowsOf(path: string, document: unknown): readonly unknown[] {
  if (Array.isArray(document)) return document;
  if (isObject(document)) {
    if (Array.isArray(document.data)) return document.data;
    const columns = Object.entries(document).map(([name, column]) => [name, asColumn(column)] as const);
    const lengths = new Set(columns.map(([, column]) => column?.length));
    if (columns.length > 0 && lengths.size === 1 && !lengths.has(undefined)) {
      const [length] = lengths as Set<number>;
      return Array.from({ length: length! }, (_, i) =>
        Object.fromEntries(columns.map(([name, column]) => [name, column![i]])),
      );
    }
  }
  throw new TruecastError(
    `${path} holds no table`,
    'give an array of objects, {"data": [objects]}, or columns of equal length: {"query": […], "label": […]}',
  );
}

/** A column as a list: pandas writes an object of row numbers. */
function asColumn(column: unknown): readonly unknown[] | undefined {
  if (Array.isArray(column)) return column;
  if (!isObject(column)) return undefined;
  const keys = Object.keys(column);
  return keys.every((key, i) => key === String(i)) ? Object.values(column) : undefined;
}

function objectRow(place: string, value: unknown): SourceRow {
  return isObject(value) ? { place, values: value } : { place, problem: 'not an object' };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
