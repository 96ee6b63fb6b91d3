import { pipeline, Readable } from 'node:stream';

import { CsvError, parse } from 'csv-parse';

import { TruecastError } from '../../support/errors.js';
import type { SourceRow } from './format.js';
import { LONGEST_ROW, readTextPieces } from './utf8.js';

interface Parsed {
  record: string[];
  line: number;
}

/**
 * The header and rows of a CSV or TSV file (RFC 4180: quotes are doubled, quoted fields may hold line breaks). All
 * cells are text, whatever they look like; an empty one is absent. A quote that is never closed is no bad row but
 * the end: what follows it cannot be told apart.
 */
export async function openCsv(
  path: string,
  delimiter: string,
): Promise<{ columns: string[]; rows: AsyncIterable<SourceRow> }> {
  const records = readRecords(path, delimiter);
  const first = await records.next();
  if (first.done) throw new TruecastError(`${path} is empty`, 'give a file with a header and rows');
  const columns = first.value.record.map((name) => name.trim());
  checkHeader(path, columns, delimiter);
  return { columns, rows: rowsOf(path, columns, records) };
}

async function* rowsOf(
  path: string,
  columns: readonly string[],
  records: AsyncIterable<Parsed>,
): AsyncGenerator<SourceRow> {
  for await (const { record, line } of records) {
    const place = `${path}:${line}`;
    if (record.length !== columns.length) {
      yield { place, problem: `${record.length} cells, but the header has ${columns.length}` };
    } else {
      const filled = columns.map((name, i) => [name, record[i]!] as const).filter(([, cell]) => cell !== '');
      yield { place, values: Object.fromEntries(filled) };
    }
  }
}

/** Records with the line that each begins on; blank lines are passed over. */
async function* readRecords(path: string, delimiter: string): AsyncGenerator<Parsed> {
  const parser = parse({
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    raw: true,
    relax_column_count: true,
    max_record_size: LONGEST_ROW,
  });
  // The error of either end arrives where the parser is read.
  pipeline(Readable.from(readTextPieces(path)), parser, () => {});
  let line = 1;
  try {
    for await (const { record, raw } of parser as AsyncIterable<{ record: string[]; raw: string }>) {
      if (record.length > 1 || record[0] !== '') yield { record, line };
      line += raw.match(/\r\n|\n|\r/g)?.length ?? 0;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new TruecastError(
      `${path}, in the record from line ${line}: ${error.message}`,
      'quote a cell that holds quotes, and double these: "She said ""no""."',
      { cause: error },
    );
  }
}

function checkHeader(path: string, columns: readonly string[], delimiter: string): void {
  const twice = columns.find((name, i) => name !== '' && columns.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new TruecastError(`${path}:1: two columns are named ${JSON.stringify(twice)}`, 'rename one');
  }
  const other = [';', '\t', '|', ','].find((mark) => mark !== delimiter && columns[0]!.includes(mark));
  if (columns.length === 1 && other !== undefined) {
    throw new TruecastError(
      `${path}:1: the header is one column: ${JSON.stringify(columns[0])}`,
      `give --delimiter ${JSON.stringify(other)}`,
    );
  }
}

/** One line of CSV, RFC 4180: quoted where it must be, cells kept as they are. */
export function csvLine(cells: readonly string[], delimiter: string): string {
  const quoted = cells.map((cell) =>
    cell === '' || /["\r\n]|^\s|\s$/.test(cell) || cell.includes(delimiter)
      ? `"${cell.replaceAll('"', '""')}"`
      : cell,
  );
  return `${quoted.join(delimiter)}\r\n`;
}
