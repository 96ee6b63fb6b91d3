import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type PairRow,
  pairsTable,
  readJsonl,
  readRows,
  responsesTable,
  writeJsonl,
  writeTable,
} from '../../src/data/index.js';
import { refusal, temporaryFolder, write } from './helpers.js';

const folder = temporaryFolder();
const pair: PairRow = {
  character: 'molan',
  queryId: 'q01',
  query: '今年贵庚？',
  chosen: 'a\nb "c" \u2028',
  rejected: '',
  chosenScore: 0.1,
  rejectedScore: null,
};

test.each([
  ['no row', []],
  ['rows', [pair, { ...pair, chosenScore: -1e-9 }]],
])('JSON lines come back as they were written: %s', (_, rows) => {
  const path = join(folder, 'pairs.jsonl');
  writeJsonl(path, pairsTable, rows);
  expect(readJsonl(path, pairsTable)).toStrictEqual(rows);
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(rows.length + 1);
});

test('an optional key may be left out; order, blank lines, line ends and a byte order mark do not matter', () => {
  const path = write(
    folder,
    'r.jsonl',
    '\uFEFF{"response":"b","query":"a"}\r\n\n{"query":"c","response":"d","character":"x"}',
  );
  expect(readJsonl(path, responsesTable)).toStrictEqual([
    { character: null, query: 'a', response: 'b' },
    { character: 'x', query: 'c', response: 'd' },
  ]);
});

test('every problem is reported with its line and key', () => {
  const lines = [
    '{"query":"a","respones":"b"}',
    '{"query":1,"response":"b"}',
    'nonsense',
    '["a"]',
    '{"query":"a","response":"b"}',
  ];
  const path = write(folder, 'bad.jsonl', lines.join('\n'));
  const { message, remedy } = refusal(() => readJsonl(path, responsesTable));
  expect(message).toContain('5 problems');
  expect(message).toContain(`${path}:1: unknown key "respones"`);
  expect(message).toContain(`${path}:1: missing key "response"`);
  expect(message).toContain(`${path}:2: "query": expected utf8, got 1`);
  expect(message).toContain(`${path}:3: not JSON`);
  expect(message).toContain(`${path}:4: expected an object`);
  expect(message).not.toContain(`${path}:5`);
  expect(remedy).toContain('character (optional), query, response');
});

test('the first twenty problems are shown and the others counted', () => {
  const path = write(folder, 'many.jsonl', '{}\n'.repeat(30));
  const { message } = refusal(() => readJsonl(path, responsesTable));
  expect(message).toContain('60 problems');
  expect(message).toContain('… and 40 more');
  expect(message.split('\n')).toHaveLength(22);
});

test('rows that do not fit are not written', () => {
  const path = join(folder, 'never.jsonl');
  const rows = [{ ...pair, chosenScore: Number.POSITIVE_INFINITY }];
  expect(refusal(() => writeJsonl(path, pairsTable, rows)).message).toContain('"chosenScore"');
  expect(() => readFileSync(path)).toThrow('ENOENT');
});

test('the extension chooses the reader', () => {
  writeJsonl(join(folder, 'same.jsonl'), pairsTable, [pair]);
  writeTable(join(folder, 'same.arrow'), pairsTable, [pair]);
  expect(readRows(join(folder, 'same.jsonl'), pairsTable)).toStrictEqual([pair]);
  expect(readRows(join(folder, 'same.arrow'), pairsTable)).toStrictEqual([pair]);
  expect(refusal(() => readRows('rows.csv', pairsTable)).remedy).toContain('.arrow or .jsonl');
});
