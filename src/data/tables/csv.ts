import { pipeline, Readable } from 'node:stream';
import { CsvError, type Info, parse } from 'csv-parse';
import { TruecastError } from '../../support/errors.js';
import type { SourceRow } from './format.js';
import { LONGEST_ROW, readTextPieces } from './utf8.js';

interface Parsed {
  record: string[];
  info: Info;
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
  return { columns, rows: rowsOf(path, columns, records, first.value.info.lines) };
}

async function* rowsOf(
  path: string,
  columns: readonly string[],
  records: AsyncIterable<Parsed>,
  headerEnd: number,
): AsyncGenerator<SourceRow> {
  let end = headerEnd;
  for await (const { record, info } of records) {
    // A record's count of lines is that of its last one; blank lines may lie before it.
    const height = record.reduce((n, cell) => n + (cell.match(/\r\n|\n|\r/g)?.length ?? 0), 0);
    const place = `${path}:${Math.max(end + 1, info.lines - height)}`;
    end = info.lines;
    if (record.length !== columns.length) {
      yield { place, problem: `${record.length} cells, but the header has ${columns.length}` };
    } else {
      const filled = columns.map((name, i) => [name, record[i]!] as const).filter(([, cell]) => cell !== '');
      yield { place, values: Object.fromEntries(filled) };
    }
  }
}

async function* readRecords(path: string, delimiter: string): AsyncGenerator<Parsed> {
  const parser = parse({
    delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: LONGEST_ROW,
  });
  // The error of either end arrives where the parser is read.
  pipeline(Readable.from(readTextPieces(path)), parser, () => {});
  try {
    for await (const parsed of parser) yield parsed as Parsed;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new TruecastError(
      `${path}:${error.lines ?? '?'}: ${error.message}`,
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
