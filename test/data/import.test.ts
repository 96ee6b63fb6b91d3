import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadCharacter } from '../../src/data/index.js';
import { labelledRows } from '../../src/discriminators/rows.js';
import { type ImportOptions, type ImportResult, importDataset } from '../../src/recipes/importDataset.js';
import { TruecastError } from '../../src/support/errors.js';
import { temporaryFolder, write } from './helpers.js';

const folder = temporaryFolder();
const fixtures = join(import.meta.dirname, '..', 'fixtures', 'tables');
let count = 0;

const split = { seed: 1, heldOutShare: 0.25, heldOutMin: 1, nearDuplicate: 1 };

function run(sources: string[], options: Partial<ImportOptions> = {}): Promise<ImportResult> {
  return importDataset({ sources, out: join(folder, `out${count++}`), skipBad: false, split, ...options });
}

async function refusal(sources: string[], options: Partial<ImportOptions> = {}): Promise<TruecastError> {
  const out = join(folder, `refused${count++}`);
  const error = await run(sources, { ...options, out }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TruecastError);
  expect((error as TruecastError).remedy).toBeTruthy();
  expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
  return error as TruecastError;
}

const json = (name: string, rows: unknown): string => write(folder, name, JSON.stringify(rows));

/** Rows of the published project's two files: `facts` statements with three queries each. */
function published(character: string, facts = 6) {
  const pairs = Array.from({ length: facts * 3 }, (_, i) => ({
    character,
    statement: `${character} keeps fact ${Math.floor(i / 3)}.`,
    query: `What of ${i}, ${character}?`,
  }));
  return {
    relevance: pairs.flatMap((pair, i) => [
      { ...pair, relevant: 'yes' },
      { ...pair, query: pairs[(i + 5) % pairs.length]!.query, relevant: 'no' },
    ]),
    nli: pairs.flatMap((pair, i) =>
      ['entailed', 'neutral', 'contradicted'].map((label) => ({
        ...pair,
        response: `${label} by ${i}`,
        label,
      })),
    ),
  };
}

test("the published project's files make a data set that trains a discriminator", async () => {
  const { relevance, nli } = published('Komeiji Koishi');
  const sources = [json('Koishi.nli.v2.json', nli), json('Koishi.relevance.json', relevance)];
  const { characters, sources: reports } = await run(sources);
  expect(reports.map(({ table, columns, labels }) => ({ table, columns, labels }))).toEqual([
    {
      table: 'relevance',
      columns: { character: 'character', statement: 'statement', query: 'query', label: 'relevant' },
      labels: { no: ['no'], yes: ['yes'] },
    },
    {
      table: 'nli',
      columns: {
        character: 'character',
        statement: 'statement',
        query: 'query',
        response: 'response',
        label: 'label',
      },
      labels: { contradicted: ['contradicted'], neutral: ['neutral'], entailed: ['entailed'] },
    },
  ]);
  expect(characters).toMatchObject([
    {
      id: 'komeiji-koishi',
      name: 'Komeiji Koishi',
      language: 'en',
      statements: 6,
      queries: { train: 13, heldOut: 5, dropped: 0 },
      relevance: 36,
      nli: 54,
      lacks: ['dialogues'],
      split: 'by query',
    },
  ]);
  const loaded = loadCharacter(characters[0]!.folder);
  expect(loaded).not.toHaveProperty('dialogues');
  expect(loaded.statements[0]).toEqual({
    character: 'komeiji-koishi',
    statementId: 's01',
    text: 'Komeiji Koishi keeps fact 0.',
  });
  expect(loaded.queries[0]).toMatchObject({ queryId: 'q01', active: ['s01'], borderline: [] });
  const held = new Set(loaded.queries.filter((q) => q.split === 'held-out').map((q) => q.queryId));
  for (const row of [...loaded.relevance!, ...loaded.nli!])
    expect(row.split === 'held-out').toBe(held.has(row.queryId));
  expect(labelledRows(loaded, 'nli', 'train')).toHaveLength(39);
  expect(labelledRows(loaded, 'relevance', 'held-out').every(({ label }) => label === 0 || label === 1)).toBe(
    true,
  );

  const provenance = JSON.parse(readFileSync(join(characters[0]!.folder, 'provenance.json'), 'utf8'));
  expect(provenance).toMatchObject({
    made: 'import',
    bad: 0,
    sources: [{ path: sources[1], sha256: expect.stringMatching(/^[0-9a-f]{64}$/), rows: 36 }, { rows: 54 }],
  });
});

test('what a source lacks is absent, and said', async () => {
  const { characters } = await run([json('only.json', published('Bob').nli)]);
  expect(characters[0]!.lacks).toEqual(['relevance', 'dialogues']);
  const loaded = loadCharacter(characters[0]!.folder);
  expect(Object.keys(loaded)).toEqual(['id', 'name', 'language', 'statements', 'queries', 'nli']);
  expect(() => labelledRows(loaded, 'relevance', 'train')).toThrow('bob has no relevance rows');
});

test('statements with their queries, and responses by label: the files on the way there', async () => {
  const path = json('steps.json', [
    { character: 'Eve', passage: '…', statement: 'Eve sews.', queries: ['Sew?', 'A hem?'] },
  ]);
  const first = json('Eve.nli.json', [
    {
      character: 'Eve',
      statement: 'Eve sews.',
      query: 'Sew?',
      nli: { entailed: 'I do.', neutral: 'Hm.', contradicted: 'Never.' },
    },
  ]);
  const { characters, sources } = await run([path, first]);
  expect(sources[0]).toMatchObject({ table: 'queries', unused: ['passage'] });
  const { queries, nli } = loadCharacter(characters[0]!.folder);
  expect(queries.map(({ text, active }) => [text, active])).toEqual([
    ['Sew?', ['s01']],
    ['A hem?', ['s01']],
  ]);
  expect(nli!.map(({ response, label, origin }) => [response, label, origin])).toEqual([
    ['I do.', 2, 'target'],
    ['Hm.', 1, 'target'],
    ['Never.', 0, 'target'],
  ]);
});

test('several characters make several folders; --character takes one', async () => {
  const path = json('two.json', [...published('Ann').relevance, ...published('爱丽丝').relevance]);
  const { characters } = await run([path]);
  expect(characters.map(({ id, name, language }) => [id, name, language])).toEqual([
    ['ann', 'Ann', 'en'],
    [expect.stringMatching(/^c-[0-9a-f]{8}$/), '爱丽丝', 'en'],
  ]);
  const one = await run([path], { character: '爱丽丝', id: 'alice', language: 'zh' });
  expect(one.characters).toMatchObject([{ id: 'alice', language: 'zh' }]);
  expect(one.passedOver).toBe(36);
  expect((await refusal([path], { character: 'Zoe' })).message).toContain('no rows of Zoe');
  expect((await refusal([path], { id: 'x' })).message).toContain('there are 2 characters: Ann, 爱丽丝');
});

test('the language is told by the script', async () => {
  const rows = [{ character: '莫兰', statement: '莫兰住在茶坊。', query: '你住在哪里？', relevant: 'yes' }];
  expect((await run([json('zh.json', rows)])).characters[0]!.language).toBe('zh');
});

describe('columns and labels', () => {
  const csv = (name: string, text: string): string => write(folder, name, text);

  test('are mapped by options; cells that look like formulas stay text', async () => {
    const path = csv(
      'own.csv',
      'who,fact_of,asked,said,judgement\nAnn,Ann sews.,Sew?,=1+1,2\nAnn,Ann sews.,"What, then?",+2,0\nAnn,Ann reads.,Read?,@me,1\n',
    );
    const { characters, sources } = await run([path], {
      columns: {
        character: 'who',
        statement: 'fact_of',
        query: 'asked',
        response: 'said',
        label: 'judgement',
      },
      labels: [
        ['entailed', '0'],
        ['neutral', '1'],
        ['contradicted', '2'],
      ],
    });
    expect(sources[0]!.labels).toEqual({ contradicted: ['2'], neutral: ['1'], entailed: ['0'] });
    const { nli } = loadCharacter(characters[0]!.folder);
    expect(nli!.map(({ response, label }) => [response, label])).toEqual([
      ['=1+1', 0],
      ['+2', 2],
      ['@me', 1],
    ]);
  });

  test('integers of NLI are never guessed; class names in the file count', async () => {
    const path = csv('int.csv', 'character,statement,query,response,label\nAnn,A,Q,R,0\n');
    const { message } = await refusal([path]);
    expect(message).toContain(`${path}:2: label "0" is not known as one of contradicted, neutral, entailed`);
    const { characters } = await run([join(fixtures, 'class-labels.parquet')], { language: 'en' });
    const golden = JSON.parse(readFileSync(join(fixtures, 'rows.json'), 'utf8')) as {
      character: string;
      label: string;
      query: string;
    }[];
    const labels = new Map(golden.map(({ query, label }) => [query, label]));
    for (const { folder: made } of characters)
      for (const { query, label } of loadCharacter(made).nli!)
        expect(['contradicted', 'neutral', 'entailed'][label]).toBe(labels.get(query));
  });

  test.each<[string, string, Partial<ImportOptions>, string]>([
    [
      'a column that is not there',
      'a,query,relevant',
      { columns: { statement: 'b' } },
      'no column named "b"',
    ],
    ['a role without column', 'persona_x,query,relevant', {}, 'no column for statement'],
    [
      'two columns for one role',
      'statement,query,label,relevant',
      {},
      '"label", "relevant" could each be the label',
    ],
    ['columns that say nothing', 'x,y', {}, "columns don't say what it is"],
    ['a statement and a query alone', 'statement,query', {}, "columns don't say what it is"],
  ])('%s is refused', async (name, header, options, says) => {
    const path = csv(`${name}.csv`, `${header}\n${header.replace(/[^,]+/g, 'x')}\n`);
    expect((await refusal([path], options)).message).toContain(says);
  });
});

test('every bad row is reported with its place; --skip-bad lists them and takes the rest', async () => {
  const good = published('Ann').relevance.slice(0, 8);
  const lines = [
    ...good.map((row) => JSON.stringify(row)),
    '{"character":"Ann"',
    JSON.stringify({ ...good[0], statement: '  ' }),
    JSON.stringify({ ...good[0], query: 7 }),
    JSON.stringify({ ...good[0], relevant: 'maybe' }),
    JSON.stringify({ ...good[0], relevant: 'no' }),
    JSON.stringify({ ...good[0], query: 'half \ud800' }),
    JSON.stringify({ ...good[0], character: undefined }),
    JSON.stringify(good[1]),
  ];
  const path = write(folder, 'bad.jsonl', `${lines.join('\n')}\n`);
  const { message } = await refusal([path]);
  const reasons = [
    [9, 'not JSON'],
    [10, 'statement is empty'],
    [11, 'query: expected text, got 7'],
    [12, 'label "maybe" is not known'],
    [13, `labelled no, but yes at ${path}:1`],
    [14, 'query holds half of a surrogate pair'],
    [15, 'character is missing'],
  ] as const;
  expect(message).toContain('7 of 16 rows cannot be imported: 7 problems');
  for (const [line, reason] of reasons) expect(message).toContain(`${path}:${line}: ${reason}`);

  const result = await run([path], { skipBad: true });
  expect(result).toMatchObject({ bad: 7, duplicates: [{ place: `${path}:16`, of: `${path}:2` }] });
  const skipped = readFileSync(result.skipped!, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(skipped.map(({ place }) => place)).toEqual(reasons.map(([line]) => `${path}:${line}`));
  expect(skipped[3].row.relevant).toBe('maybe');
});

test('text of Parquet that is no UTF-8 is a bad row', async () => {
  const { message } = await refusal([join(fixtures, 'latin1.parquet')], { character: 'Tilda' });
  expect(message).toContain('row 1: statement is not UTF-8');
});

describe('the split', () => {
  const sides = (name: string, train: unknown, test: unknown): string => {
    const made = join(folder, name);
    mkdirSync(join(made, 'data'), { recursive: true });
    json(`${name}/data/train-00000-of-00001.json`, train);
    json(`${name}/data/test-00000-of-00001.json`, test);
    return made;
  };
  const rows = published('Ann').relevance;
  const queries = [...new Set(rows.map(({ query }) => query))];
  const held = new Set(queries.slice(0, 4));

  test('of files is kept', async () => {
    const source = sides(
      'kept',
      rows.filter(({ query }) => !held.has(query)),
      rows.filter(({ query }) => held.has(query)),
    );
    const { characters } = await run([source]);
    expect(characters[0]!.split).toBe('of the sources');
    const loaded = loadCharacter(characters[0]!.folder);
    for (const { text, split: side } of loaded.queries) expect(side === 'held-out').toBe(held.has(text));
  });

  test('that has a query on both sides is refused, unless it is made anew', async () => {
    const source = sides('leaky', rows.slice(0, 20), rows.slice(20));
    const { message, remedy } = await refusal([source]);
    expect(message).toContain('is on the other side of the split at');
    expect(remedy).toContain('--resplit');
    expect((await run([source], { resplit: true })).characters[0]!.split).toBe('by query');
  });

  test('of a lone train file is none', async () => {
    const { characters } = await run([json('train.json', rows)]);
    expect(characters[0]).toMatchObject({ split: 'by query', queries: { heldOut: 5 } });
  });

  test('leaves near-duplicates of held-out queries out, and says which', async () => {
    const alike = rows.map((row) => ({
      ...row,
      query: `Tell me all about the sea, please${row.query.slice(-7)}`,
    }));
    const { characters } = await run([json('alike.json', alike)], {
      split: { ...split, nearDuplicate: 0.4 },
    });
    expect(characters[0]!.queries.dropped).toBeGreaterThan(0);
    const record = JSON.parse(readFileSync(join(characters[0]!.folder, 'split.json'), 'utf8'));
    expect(record.dropped).toHaveLength(characters[0]!.queries.dropped);
    expect(record.options).toMatchObject({ nearDuplicate: 0.4 });
  });
});

test('a hundred thousand rows', async () => {
  const lines = ['character,statement,query,relevant'];
  for (let i = 0; i < 100_000; i++)
    lines.push(
      `C${i % 10},Fact ${(i * 7) % 500} of it,Query number ${Math.floor(i / 500)} of it,${i % 3 ? 'no' : 'yes'}`,
    );
  const path = write(folder, 'many.csv', lines.join('\n'));
  const { characters, sources } = await run([path]);
  expect(sources[0]).toMatchObject({ rows: 100_000, bad: 0 });
  const rows = characters.reduce((sum, { relevance }) => sum + relevance!, 0);
  expect(characters).toHaveLength(10);
  expect(rows).toBe(100_000);
}, 120_000);

test('nothing is written over', async () => {
  const path = json('again.json', published('Ann').relevance);
  const out = join(folder, 'again');
  await run([path], { out });
  await expect(run([path], { out })).rejects.toThrow(`${join(out, 'ann')} exists`);
});
