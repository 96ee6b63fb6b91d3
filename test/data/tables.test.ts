import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SourceRow } from '../../src/data/tables/format.js';
import { type OpenOptions, openTable } from '../../src/data/tables/open.js';
import { tableFileBytes, type WrittenColumn } from '../../src/data/tables/write.js';
import { TruecastError } from '../../src/support/errors.js';
import { temporaryFolder, write } from './helpers.js';

const folder = temporaryFolder();
const fixtures = join(import.meta.dirname, '..', 'fixtures', 'tables');

async function read(path: string, options: OpenOptions = {}): Promise<SourceRow[]> {
  const rows: SourceRow[] = [];
  for await (const row of (await openTable(path, options)).rows) rows.push(row);
  return rows;
}

async function values(path: string, options: OpenOptions = {}): Promise<unknown[]> {
  return (await read(path, options)).map((row) => row.values ?? row.problem);
}

async function refused(path: string): Promise<TruecastError> {
  const error = await read(path).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error, 'a TruecastError').toBeInstanceOf(TruecastError);
  expect((error as TruecastError).message).toContain(path);
  expect((error as TruecastError).remedy).toBeTruthy();
  return error as TruecastError;
}

describe('CSV', () => {
  test('quotes, line breaks, a byte order mark, and cells that only look like numbers or formulas', async () => {
    const path = write(
      folder,
      'a.csv',
      '\uFEFFquery,"the ""label""",note\r\n"Who, me?\r\nYes ""you""",1,=SUM(A1)\r\n\r\n" spaced ",0,+1\n@x,-1,\n',
    );
    expect((await openTable(path)).columns).toEqual(['query', 'the "label"', 'note']);
    expect(await read(path)).toEqual([
      {
        place: `${path}:2`,
        values: { query: 'Who, me?\r\nYes "you"', 'the "label"': '1', note: '=SUM(A1)' },
      },
      { place: `${path}:5`, values: { query: ' spaced ', 'the "label"': '0', note: '+1' } },
      { place: `${path}:6`, values: { query: '@x', 'the "label"': '-1' } },
    ]);
  });

  test('a row of another width is a bad row; the rows after it are read', async () => {
    const path = write(folder, 'width.csv', 'a,b\n1,2\n1,2,3\n1\n3,4\n');
    expect(await read(path)).toMatchObject([
      { place: `${path}:2` },
      { place: `${path}:3`, problem: '3 cells, but the header has 2' },
      { place: `${path}:4`, problem: '1 cells, but the header has 2' },
      { place: `${path}:5`, values: { a: '3', b: '4' } },
    ]);
  });

  test('TSV, and other delimiters by name', async () => {
    expect(await values(write(folder, 'a.tsv', 'a\tb\n"x\ty"\t,\n'))).toEqual([{ a: 'x\ty', b: ',' }]);
    const path = write(folder, 'semicolon.csv', 'a;b\n1;2\n');
    expect((await refused(path)).remedy).toContain('--delimiter ";"');
    expect(await values(path, { delimiter: ';' })).toEqual([{ a: '1', b: '2' }]);
  });

  test.each([
    ['an open quote', 'a,b\n1,"2\n3,4\n', 'Quote Not Closed'],
    ['a quote within a cell', 'a,b\n1,2"3\n', 'Quote'],
    ['two columns of one name', 'a,a\n1,2\n', 'two columns are named "a"'],
    ['no byte', '', 'is empty'],
    ['Latin-1', Buffer.from('a,b\nok,ok\ncaf\xe9,1\n', 'latin1'), 'not UTF-8 in or after line 1'],
    ['UTF-16', Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le'), 'UTF-16'],
  ])('%s is refused', async (name, content, says) => {
    expect((await refused(write(folder, `bad-${name}.csv`, content))).message).toContain(says);
  });
});

describe('JSON lines', () => {
  test('bad lines have a place and a reason, and the others are read', async () => {
    const bytes = Buffer.concat([
      Buffer.from('\uFEFF{"a":1}\r\n\n{"a":\n[1]\n'),
      Buffer.from('{"a":"caf\xe9"}\n', 'latin1'),
      Buffer.from('{"a":"é"}'),
    ]);
    const path = write(folder, 'a.jsonl', bytes);
    const rows = await read(path);
    expect(rows.map(({ place }) => place)).toEqual([1, 3, 4, 5, 6].map((line) => `${path}:${line}`));
    expect(rows.map((row) => row.values ?? row.problem)).toEqual([
      { a: 1 },
      expect.stringContaining('not JSON'),
      'not an object',
      'not UTF-8',
      { a: 'é' },
    ]);
  });

  test('columns are those of all rows, not of the first', async () => {
    const path = write(folder, 'late.jsonl', '{"a":1}\n{"b":2}\n');
    expect((await openTable(path)).columns).toEqual(['a', 'b']);
  });
});

describe('JSON', () => {
  test.each([
    ['an array', [{ a: 1 }, { a: 2 }]],
    ['under data', { data: [{ a: 1 }, { a: 2 }] }],
    ['by columns', { a: [1, 2] }],
    ['as pandas writes it', { a: { 0: 1, 1: 2 } }],
  ])('%s', async (name, document) => {
    const path = write(folder, `${name}.json`, JSON.stringify(document));
    expect(await read(path)).toEqual([
      { place: `${path}: row 1`, values: { a: 1 } },
      { place: `${path}: row 2`, values: { a: 2 } },
    ]);
  });

  test.each([
    ['nothing', ' \n', 'is empty'],
    ['half of it', '[{"a":1},', 'is not JSON'],
    ['columns of two lengths', '{"a":[1],"b":[1,2]}', 'holds no table'],
    ['a number', '7', 'holds no table'],
  ])('%s is refused', async (name, content, says) => {
    expect((await refused(write(folder, `no-${name}.json`, content))).message).toContain(says);
  });

  test('JSON lines of the wrong name are told', async () => {
    const { remedy } = await refused(write(folder, 'lines.json', '{"a":1}\n{"a":2}\n'));
    expect(remedy).toContain('name it .jsonl');
  });
});

describe('Parquet that pyarrow wrote', () => {
  const rows = JSON.parse(readFileSync(join(fixtures, 'rows.json'), 'utf8')) as Record<string, unknown>[];
  /** A null is an absent value here. */
  const wanted = rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)),
  );

  test.each(['snappy', 'gzip', 'brotli', 'none', 'zstd-dictionary'])('%s', async (name) => {
    const path = join(fixtures, `${name}.parquet`);
    const found = await read(path);
    expect(found.map((row) => row.values)).toEqual(wanted);
    expect(found.at(-1)!.place).toBe(`${path}: row 40`);
  });

  test('class labels carry their names', async () => {
    const table = await openTable(join(fixtures, 'class-labels.parquet'));
    expect(table.labelNames.get('label')).toEqual(['entailment', 'neutral', 'contradiction']);
    expect((await values(table.path)).map((row) => (row as { label: number }).label)).toEqual(
      rows.map(({ label }) => ['entailed', 'neutral', 'contradicted'].indexOf(label as string)),
    );
  });

  test('lists', async () => {
    expect(await values(join(fixtures, 'lists.parquet'))).toEqual([
      { statement: 'Tilda reads.', queries: ['Do you read?', 'A book?'] },
    ]);
  });

  test('text that is no UTF-8 stays bytes: nothing is put in its place', async () => {
    const [bad, good] = (await values(join(fixtures, 'latin1.parquet'))) as { statement: unknown }[];
    expect(bad!.statement).toBeInstanceOf(Uint8Array);
    expect(good!.statement).toBe('tea');
  });

  test('a codec that is not read is named', async () => {
    expect((await refused(join(fixtures, 'lz4.parquet'))).message).toMatch(/LZ4/i);
  });
});

describe('damaged Parquet', () => {
  test.each([0, 3, 11, 12, 100, 1000, -1, -8, -200])('cut at %d bytes, it is refused', async (length) => {
    const bytes = readFileSync(join(fixtures, 'snappy.parquet'));
    await refused(
      write(folder, `cut${length}.parquet`, bytes.subarray(0, length < 0 ? bytes.length + length : length)),
    );
  });

  test('cut anywhere, it is refused', async () => {
    const bytes = readFileSync(join(fixtures, 'zstd-dictionary.parquet'));
    for (let length = 13; length < bytes.length; length += 97)
      await refused(write(folder, 'cut.parquet', bytes.subarray(0, length)));
  });
});

test('files that are missing, or of no known kind', async () => {
  await refused(join(folder, 'none.csv'));
  await refused(write(folder, 'a.xlsx', 'PK'));
});

test.each(['jsonl', 'json', 'csv', 'tsv', 'parquet'] as const)(
  'what is written as %s is read as it was',
  async (format) => {
    const columns: WrittenColumn[] = [
      { name: 'text', type: 'text' },
      { name: 'number', type: 'integer' },
      { name: 'list', type: 'texts' },
    ];
    const rows = [
      { text: '=1+1', number: 0, list: ['a', 'b"'] },
      { text: ' "quoted",\r\n\tnext; 听雪 😀', number: 2, list: [] },
    ];
    const path = write(folder, `written.${format}`, tableFileBytes(format, columns, rows));
    const isText = format === 'csv' || format === 'tsv';
    expect(await values(path)).toEqual(
      rows.map(({ text, number, list }) =>
        isText ? { text, number: String(number), list: JSON.stringify(list) } : { text, number, list },
      ),
    );
  },
);
