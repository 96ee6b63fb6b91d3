import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkDataSet } from '../../src/data/check.js';
import { type DataSet, dataSetFiles, readDataSet, writeFolders } from '../../src/data/dataSet.js';
import { describeDataSet } from '../../src/data/describe.js';
import {
  buildDatasets,
  loadCharacter,
  pairsTable,
  statementsTable,
  writeTable,
} from '../../src/data/index.js';
import { exportDataset } from '../../src/recipes/exportDataset.js';
import { importDataset } from '../../src/recipes/importDataset.js';
import { mergeDatasets } from '../../src/recipes/mergeDatasets.js';
import { splitDataset } from '../../src/recipes/splitDataset.js';
import { makeCharacter, refusal, temporaryFolder, write, yamlOf } from './helpers.js';

const folder = temporaryFolder();
const maker = join(folder, 'root', 'maker');
const split = { seed: 1, heldOutShare: 0.25, heldOutMin: 1, nearDuplicate: 0.9 };
const TABLES = ['statements', 'queries', 'relevance', 'nli', 'dialogues'] as const;
let count = 0;
const fresh = (): string => join(folder, `made${count++}`);

beforeAll(async () => {
  mkdirSync(join(folder, 'root', 'characters'), { recursive: true });
  const character = makeCharacter(8, 3);
  character.statements[0]!.text = '=SUM(A1), "quoted"\u2028 Maker';
  character.queries[0]!.text = ' A comma, a "quote"; and 听雪';
  write(
    folder,
    'root/characters/maker.yaml',
    yamlOf({ ...character, queries: character.queries.map((q) => ({ ...q, text: q.text.trim() })) }),
  );
  await buildDatasets({ root: join(folder, 'root') });
});

/** A copy of the data set, changed; with the split file of the copy. */
function changed(change: (dataSet: DataSet) => void): string {
  const dataSet = structuredClone(readDataSet(maker));
  change(dataSet);
  const of = (side: string) => dataSet.queries.filter((q) => q.split === side).map((q) => q.queryId);
  const out = fresh();
  const record = {
    options: {},
    provenance: {},
    split: { train: of('train'), heldOut: of('held-out'), dropped: [], targetsWithoutTraining: [] },
  };
  writeFolders(new Map([[out, dataSetFiles(dataSet, record)]]));
  return out;
}

describe.each(['jsonl', 'json', 'csv', 'tsv', 'parquet'] as const)('through %s', (format) => {
  test('our own schema comes back byte for byte', async () => {
    const [exported, out] = [fresh(), fresh()];
    exportDataset({ source: maker, out: exported, schema: 'truecast', format });
    await importDataset({ sources: [exported], out, skipBad: false, split });
    for (const table of TABLES)
      expect(
        readFileSync(join(out, 'maker', `${table}.arrow`)).equals(
          readFileSync(join(maker, `${table}.arrow`)),
        ),
        table,
      ).toBe(true);
  });

  test('the published columns carry statements, labelled rows and the split', async () => {
    const [exported, out] = [fresh(), fresh()];
    const files = exportDataset({ source: maker, out: exported, schema: 'published', format });
    expect(files.map(({ path }) => path).filter((path) => path.includes('train'))).toHaveLength(2);
    await importDataset({ sources: [exported], out, skipBad: false, split });
    const [before, after] = [loadCharacter(maker), loadCharacter(join(out, 'maker'))];
    expect(after.statements.map(({ text }) => text)).toEqual(before.statements.map(({ text }) => text));
    expect(after).not.toHaveProperty('dialogues');
    const carried = (
      rows: readonly { statement: string; query: string; label: number; split: string; response?: string }[],
    ) =>
      rows
        .map(({ statement, query, label, split: side, response }) =>
          JSON.stringify([statement, query, response, label, side]),
        )
        .sort();
    expect(carried(after.relevance!)).toEqual(carried(before.relevance!));
    expect(carried(after.nli!)).toEqual(carried(before.nli!));
  });
});

test('chats and preferences, as TRL takes them', () => {
  const [chats, pairs, mined] = [fresh(), fresh(), fresh()];
  exportDataset({ source: maker, out: chats, schema: 'messages', format: 'jsonl', system: 'You are Maker.' });
  const { dialogues, nli } = loadCharacter(maker);
  const lines = (path: string) =>
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const first = dialogues!.find((row) => row.split === 'train')!;
  expect(lines(join(chats, 'train.jsonl'))[0]).toEqual({
    messages: [
      { role: 'system', content: 'You are Maker.' },
      { role: 'user', content: first.query },
      { role: 'assistant', content: first.response },
    ],
  });
  exportDataset({ source: maker, out: pairs, schema: 'preferences', format: 'jsonl' });
  const train = lines(join(pairs, 'train.jsonl'));
  for (const { prompt, chosen, rejected } of train) {
    const of = (response: string) =>
      nli!.filter(
        (row) => row.query === prompt[0].content && row.response === response && row.split === 'train',
      );
    expect(of(chosen[0].content).some(({ label }) => label === 2)).toBe(true);
    expect(of(rejected[0].content).some(({ label }) => label === 0)).toBe(true);
  }
  expect(train.length).toBe(dialogues!.filter((row) => row.split === 'train').length);

  const path = join(folder, 'pairs.arrow');
  const pair = {
    character: 'maker',
    queryId: 'q1',
    query: 'Q?',
    chosen: 'A',
    rejected: 'B',
    chosenScore: 1,
    rejectedScore: null,
  };
  writeTable(path, pairsTable, [pair]);
  exportDataset({ source: path, out: mined, schema: 'preferences', format: 'json' });
  expect(JSON.parse(readFileSync(join(mined, 'train.json'), 'utf8'))).toEqual([
    {
      prompt: [{ role: 'user', content: 'Q?' }],
      chosen: [{ role: 'assistant', content: 'A' }],
      rejected: [{ role: 'assistant', content: 'B' }],
    },
  ]);
  const wrong = { source: path, out: fresh(), schema: 'published', format: 'csv' } as const;
  expect(refusal(() => exportDataset(wrong)).remedy).toContain('preferences');
  const flat = { source: maker, out: fresh(), schema: 'messages', format: 'csv' } as const;
  expect(refusal(() => exportDataset(flat)).remedy).toContain('jsonl');
});

describe('split', () => {
  test('holds out the share asked for, by query, in all tables; the same seed, the same split', async () => {
    const [a, b, c] = [fresh(), fresh(), fresh()];
    const options = { seed: 5, heldOutShare: 0.5, heldOutMin: 1, nearDuplicate: 0.99 };
    const result = await splitDataset(maker, a, options);
    const loaded = loadCharacter(a);
    expect(result.heldOut).toBe(Math.round(loadCharacter(maker).queries.length / 2));
    const side = new Map(loaded.queries.map((q) => [q.queryId, q.split]));
    for (const row of [...loaded.relevance!, ...loaded.nli!, ...loaded.dialogues!])
      expect(row.split).toBe(side.get(row.queryId));
    expect(checkDataSet(a, 0.99).problems).toEqual([]);
    await splitDataset(maker, b, options);
    expect(loadCharacter(b)).toStrictEqual(loaded);
    await splitDataset(maker, c, { ...options, seed: 6 });
    expect(loadCharacter(c).queries).not.toEqual(loaded.queries);
    expect(JSON.parse(readFileSync(join(a, 'split.json'), 'utf8')).options).toEqual(options);
    await expect(splitDataset(maker, a, options)).rejects.toThrow('exists');
  });
});

describe('merge', () => {
  const halves = () =>
    [0, 1].map((half) =>
      changed((d) => {
        const mine = new Set(d.queries.filter((_, i) => i % 2 === half).map(({ queryId }) => queryId));
        d.queries = d.queries.filter(({ queryId }) => mine.has(queryId));
        for (const table of ['relevance', 'nli', 'dialogues'] as const)
          d[table] = (d[table] as { queryId: string }[]).filter(({ queryId }) => mine.has(queryId)) as never;
      }),
    ) as [string, string];
  const sorted = (rows: readonly object[] | undefined) => rows!.map((row) => JSON.stringify(row)).sort();

  test('shards come together as the whole', async () => {
    const out = fresh();
    const result = await mergeDatasets(halves(), out, 'drop');
    expect(result).toMatchObject({ conflicts: [], renamed: [] });
    const [merged, whole] = [loadCharacter(out), loadCharacter(maker)];
    for (const table of TABLES) expect(sorted(merged[table])).toEqual(sorted(whole[table]));
    expect(checkDataSet(out, 0.99).problems).toEqual([]);
    const again = fresh();
    expect((await mergeDatasets([out, maker], again, 'fail')).duplicates).toBe(
      whole.relevance!.length + whole.nli!.length + whole.dialogues!.length,
    );
    for (const table of TABLES) expect(sorted(loadCharacter(again)[table])).toEqual(sorted(whole[table]));
  });

  test('ids that mean something else are renamed, wherever they stand', async () => {
    const other = changed((d) => {
      for (const row of [...d.statements]) row.text = `Other ${row.text}`;
      for (const row of [...d.queries]) row.text = `Other ${row.text}`;
      for (const row of [...d.relevance!, ...d.nli!]) row.statement = `Other ${row.statement}`;
      for (const row of [...d.relevance!, ...d.nli!, ...d.dialogues!]) row.query = `Other ${row.query}`;
    });
    const out = fresh();
    const { renamed, statements } = await mergeDatasets([maker, other], out, 'drop');
    expect(statements).toBe(16);
    expect(renamed).toContainEqual({ from: other, id: 's1', became: 's1-2' });
    expect(checkDataSet(out, 1).problems).toEqual([]);
    expect(loadCharacter(out).queries.at(-1)!.active[0]).toMatch(/-2$/);
  });

  test('labels that disagree are rows of a report, and dropped, first or fatal', async () => {
    const other = changed((d) => {
      const row = d.relevance!.find(({ label }) => label === 0)!;
      row.label = 1;
      d.nli![0]!.label = d.nli![0]!.label === 0 ? 1 : 0;
    });
    const [dropped, first] = [fresh(), fresh()];
    const result = await mergeDatasets([maker, other], dropped, 'drop');
    expect(result.conflicts.map(({ what, first: a, second: b }) => [what, a, b])).toEqual([
      ['relevance', 'no', 'yes'],
      ['nli', 'contradicted', 'neutral'],
    ]);
    const report = readFileSync(join(dropped, 'conflicts.jsonl'), 'utf8').trim().split('\n');
    expect(report.map((line) => JSON.parse(line))).toEqual(result.conflicts);
    const whole = loadCharacter(maker);
    expect(loadCharacter(dropped).relevance).toHaveLength(whole.relevance!.length - 1);
    expect(loadCharacter(dropped).nli).toHaveLength(whole.nli!.length - 1);
    await mergeDatasets([maker, other], first, 'first');
    expect(sorted(loadCharacter(first).relevance)).toEqual(sorted(whole.relevance));
    await expect(mergeDatasets([maker, other], fresh(), 'fail')).rejects.toThrow(
      'contradict each other: 2 problems',
    );
  });

  test('data sets of two characters, and broken ones, are refused', async () => {
    const bob = changed((d) => {
      d.character = { ...d.character, name: 'Bob' };
    });
    await expect(mergeDatasets([maker, bob], fresh(), 'drop')).rejects.toThrow('is about Bob');
    const broken = changed((d) => {
      d.nli![0]!.queryId = 'q99';
    });
    await expect(mergeDatasets([maker, broken], fresh(), 'drop')).rejects.toThrow('there is no query q99');
  });
});

describe('check', () => {
  test('a good data set has no problem', () => {
    expect(checkDataSet(maker, 0.99)).toEqual({ folder: maker, problems: [], warnings: [] });
  });

  test('everything wrong is reported at once', () => {
    const bad = changed((d) => {
      d.relevance![0]!.statementId = 's99';
      d.relevance![1]!.query = 'Another text?';
      d.relevance![2]!.split = d.relevance![2]!.split === 'train' ? 'held-out' : 'train';
      d.nli!.push({ ...d.nli![0]!, label: d.nli![0]!.label === 0 ? 1 : 0 });
      d.nli!.push({ ...d.nli![1]! });
      d.queries[0]!.active = ['s98'];
      d.statements.push({ ...d.statements[1]!, statementId: 's1' });
      const [train, held] = [
        d.queries.find((q) => q.split === 'train')!,
        d.queries.find((q) => q.split === 'held-out')!,
      ];
      train.text = `${held.text}!`;
      d.dialogues![0]!.character = 'somebody';
    });
    const { problems, warnings } = checkDataSet(bad, 0.99);
    const text = problems.join('\n');
    for (const part of [
      'relevance: row 0: there is no statement s99',
      'relevance: row 1: query',
      'relevance: row 2: is ',
      'names s98, which is no statement',
      'statement s1 is there twice',
      'in training is the same as held-out',
      'dialogues: rows of somebody, but split.json is about maker',
      'neutral, but row 0 says contradicted',
    ])
      expect(text).toContain(part);
    expect(warnings.join('\n')).toContain('repeats row 1');
  });

  test('tables of another version, cut or missing, and a split file that says something else', () => {
    const bad = changed(() => {});
    const { statements } = readDataSet(maker);
    writeTable(join(bad, 'queries.arrow'), { ...statementsTable, id: 'truecast.queries/0' }, statements);
    write(bad, 'nli.arrow', readFileSync(join(bad, 'nli.arrow')).subarray(0, 500));
    rmSync(join(bad, 'relevance.arrow'));
    const { problems } = checkDataSet(bad, 0.99);
    const text = problems.join('\n');
    expect(text).toContain('holds truecast.queries/0, expected truecast.queries/1');
    expect(text).toContain('cut short');
    expect(text).toContain('relevance.arrow');

    const lied = changed(() => {});
    const record = JSON.parse(readFileSync(join(lied, 'split.json'), 'utf8'));
    record.train.pop();
    write(lied, 'split.json', JSON.stringify({ ...record, lacks: ['nli'] }));
    expect(checkDataSet(lied, 0.99).problems).toEqual([
      expect.stringContaining('nli.arrow is there, but split.json says that it lacks'),
      expect.stringMatching(
        /split\.json lists \d+ queries under train, but \d+ are train, q\d+ is not listed/,
      ),
    ]);
  });
});

test('statistics of any data set: balance, lengths, and words that tell a label', () => {
  const statistics = describeDataSet(readDataSet(maker), 0.99);
  const { nli, relevance } = loadCharacter(maker);
  expect(statistics.relevance!.train.yes + statistics.relevance!['held-out'].yes).toBe(
    relevance!.filter(({ label }) => label === 1).length,
  );
  expect(statistics.nli!.train.neutral + statistics.nli!['held-out'].neutral).toBe(
    nli!.filter(({ label }) => label === 1).length,
  );
  // every contradicted response of the made-up character says "moons", every neutral one "clouds"
  expect(statistics.giveAway!.words.map(({ word }) => word)).toEqual(
    expect.arrayContaining(['moons', 'clouds']),
  );
  expect(statistics.giveAway!.newTarget.accuracy).toBe(1);
  expect(statistics.nearDuplicates).toEqual({ statements: 0, queries: 0 });
});
