import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Float64, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import { expect, test } from 'vitest';
import {
  defineTable,
  oneOf,
  pairsTable,
  type RowOf,
  readTable,
  tableBytes,
  writeTable,
} from '../../src/data/index.js';
import { refusal, temporaryFolder, write } from './helpers.js';

const folder = temporaryFolder();

const everything = defineTable('truecast.everything/1', {
  text: 'utf8',
  maybe: 'utf8?',
  texts: 'utf8[]',
  small: 'int8',
  whole: 'int32',
  wholes: 'int32[]',
  smalls: 'int8[]',
  real: 'float64',
  reals: 'float64[]',
  perhaps: 'float64?',
  some: 'int32[]?',
  flag: 'bool',
  flags: 'bool[]',
  side: oneOf('utf8', 'left', 'right'),
  digit: oneOf('int8', 0, 1),
});
type Everything = RowOf<typeof everything>;

const row: Everything = {
  text: 'Où? 听雪斋 🫖 "quoted"\n',
  maybe: null,
  texts: ['', '茶', 'é'],
  small: -128,
  whole: 2 ** 31 - 1,
  wholes: [-(2 ** 31), 0, 7],
  smalls: [127, -1],
  real: Math.PI,
  reals: [1e-300, -0.1],
  perhaps: null,
  some: null,
  flag: true,
  flags: [true, false, true],
  side: 'left',
  digit: 1,
};
const other: Everything = {
  ...row,
  text: '',
  maybe: 'set',
  texts: [],
  wholes: [],
  smalls: [],
  reals: [],
  flags: [],
  flag: false,
  perhaps: 0.5,
  some: [1],
  side: 'right',
  digit: 0,
};

test.each([
  ['no row', []],
  ['one row', [row]],
  ['only empty lists and set nullables', [other, other]],
  ['many rows', Array.from({ length: 1000 }, (_, i) => (i % 3 === 0 ? other : { ...row, whole: i }))],
])('a table comes back as it was written: %s', (_, rows) => {
  const path = join(folder, 'everything.arrow');
  writeTable(path, everything, rows);
  expect(readTable(path, everything)).toStrictEqual(rows);
});

test('the same rows give the same bytes, and these are what is written', () => {
  const rows = [row, other, row];
  const path = join(folder, 'same.arrow');
  writeTable(path, everything, rows);
  expect(Buffer.compare(readFileSync(path), Buffer.from(tableBytes(everything, rows)))).toBe(0);
});

test('types of rows are inferred', () => {
  // @ts-expect-error a label outside the column's values
  const wrong: Everything = { ...row, side: 'middle' };
  // @ts-expect-error null in a column that is not nullable
  const missing: Everything = { ...row, text: null };
  expect([wrong.side, missing.text]).toEqual(['middle', null]);
});

test('rows that do not fit are refused before anything is written, all at once', () => {
  const path = join(folder, 'never.arrow');
  const rows = [
    { ...row, small: 128, real: Number.NaN },
    { ...row, whole: 0.5, side: 'middle' },
    { ...row, text: '\ud83e', extra: 1 },
  ] as unknown as Everything[];
  const { message } = refusal(() => writeTable(path, everything, rows));
  for (const part of [
    'row 0',
    '"small"',
    'got 128',
    '"real"',
    'NaN',
    'row 1',
    '"whole"',
    '"side"',
    'row 2',
    '"text"',
  ]) {
    expect(message).toContain(part);
  }
  expect(message).toContain('unknown key "extra"');
  expect(() => readFileSync(path)).toThrow('ENOENT');
});

test('another table, or another version of the same one, is refused', () => {
  const path = join(folder, 'pairs.arrow');
  writeTable(path, pairsTable, []);
  const other = refusal(() => readTable(path, everything));
  expect(other.message).toContain(path);
  expect(other.message).toContain('holds truecast.pairs/1, expected truecast.everything/1');
  expect(other.remedy).toBeDefined();
  const next = { ...pairsTable, id: 'truecast.pairs/2' };
  expect(refusal(() => readTable(path, next)).message).toContain(
    'holds truecast.pairs/1, expected truecast.pairs/2',
  );
});

test('missing, extra and mistyped columns are reported together', () => {
  const path = join(folder, 'columns.arrow');
  const written = defineTable('truecast.t/1', { kept: 'utf8', text: 'int32', extra: 'utf8', list: 'int8[]' });
  const read = defineTable('truecast.t/1', { kept: 'utf8', text: 'utf8', list: 'int32[]', gone: 'bool' });
  writeTable(path, written, []);
  const { message } = refusal(() => readTable(path, read));
  expect(message).toContain('4 problems');
  expect(message).toContain('missing column "gone"');
  expect(message).toContain('unknown column "extra"');
  expect(message).toContain('column "text" is Int32, expected Utf8');
  expect(message).toContain('column "list" is List<Int8>, expected List<Int32>');
});

test('a value that the schema does not allow is refused on reading', () => {
  const path = join(folder, 'values.arrow');
  const loose = defineTable('truecast.t/1', { side: 'utf8?', digit: 'int8' });
  const strict = defineTable('truecast.t/1', { side: oneOf('utf8', 'left'), digit: oneOf('int8', 0, 1) });
  writeTable(path, loose, [
    { side: 'left', digit: 1 },
    { side: null, digit: 2 },
  ]);
  const { message } = refusal(() => readTable(path, strict));
  expect(message).toContain('2 problems');
  expect(message).toContain('row 1: "side": expected one of "left", got null');
  expect(message).toContain('row 1: "digit": expected one of 0, 1, got 2');
});

test('a file cut short anywhere is refused, and so is one that is no Arrow file', () => {
  const bytes = tableBytes(everything, [row, other]);
  for (let length = 0; length < bytes.length; length += 61) {
    const path = write(folder, 'short.arrow', bytes.subarray(0, length));
    const { message, remedy } = refusal(() => readTable(path, everything));
    expect(message).toContain(path);
    expect(message).toMatch(/cut short|not an Arrow file/);
    expect(remedy).toBeDefined();
  }
  const path = write(folder, 'text.arrow', 'character,text\n');
  expect(refusal(() => readTable(path, everything)).message).toContain(`not an Arrow file: ${path}`);
});

test('a file whose middle was lost is refused', () => {
  const bytes = Buffer.from(tableBytes(everything, [row, other]));
  const path = write(folder, 'damaged.arrow', Buffer.concat([bytes.subarray(0, 300), bytes.subarray(-300)]));
  expect(refusal(() => readTable(path, everything)).message).toContain(path);
});

test('an Arrow file of other origin is refused by name', () => {
  const table = new Table({ a: vectorFromArray(['x'], new Utf8()), b: vectorFromArray([1], new Float64()) });
  const path = write(folder, 'foreign.arrow', tableToIPC(table, 'file'));
  expect(refusal(() => readTable(path, everything)).message).toContain('names no truecast schema');
});

test('a missing file is named', () => {
  const path = join(folder, 'nowhere.arrow');
  expect(refusal(() => readTable(path, everything)).message).toContain(path);
});
