import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  buildDatasets,
  DATASETS_ROOT,
  listCharacters,
  loadCharacter,
  NLI_LABELS,
  readCharacter,
  similarity,
  validateDatasets,
} from '../../src/data/index.js';
import { TABLE_BEGIN, TABLE_END } from '../../src/data/statisticsTable.js';
import { TruecastError } from '../../src/support/errors.js';
import { makeCharacter, temporaryFolder, write, yamlOf } from './helpers.js';

const folder = temporaryFolder();

function makeRoot(name: string): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'characters'), { recursive: true });
  write(root, 'characters/maker.yaml', yamlOf(makeCharacter(10, 3)));
  write(root, 'README.md', `# Data\n${TABLE_BEGIN}\n${TABLE_END}\n`);
  return root;
}

test('a build writes what changed, a check writes nothing and names what differs', async () => {
  const root = makeRoot('cycle');
  const lines: string[] = [];
  const missing = await buildDatasets({ root, check: true, log: (line) => lines.push(line) });
  expect(missing.differences.map(({ why }) => why)).toEqual([...Array(6).fill('missing'), 'differs']);
  expect(lines).toContain(`${join(root, 'maker', 'nli.arrow')}: missing`);
  expect(readdirSync(root)).not.toContain('maker');

  expect((await buildDatasets({ root })).written).toHaveLength(7);
  expect((await buildDatasets({ root })).written).toEqual([]);
  expect((await buildDatasets({ root, check: true })).differences).toEqual([]);
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('| maker');

  const path = write(root, 'maker/split.json', '{}');
  expect((await buildDatasets({ root, check: true })).differences).toEqual([{ path, why: 'differs' }]);
  expect((await buildDatasets({ root })).written).toEqual([path]);
});

test('a data set whose character is gone is reported and left alone', async () => {
  const root = makeRoot('orphan');
  await buildDatasets({ root });
  write(root, 'characters/other.yaml', yamlOf({ ...makeCharacter(10, 3), id: 'other' }));
  rmSync(join(root, 'characters', 'maker.yaml'));
  const { differences } = await buildDatasets({ root });
  expect(differences).toEqual([{ path: join(root, 'maker'), why: 'has no source' }]);
  expect(listCharacters(root)).toEqual(['maker', 'other']);
});

test('problems of all characters are reported together, and nothing is written', async () => {
  const root = makeRoot('broken');
  for (const id of ['one', 'two']) {
    write(root, `characters/${id}.yaml`, yamlOf({ ...makeCharacter(10, 3), id, language: '?' }));
  }
  const error = await buildDatasets({ root }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TruecastError);
  expect((error as TruecastError).message).toContain('one.yaml');
  expect((error as TruecastError).message).toContain('two.yaml');
  expect(readdirSync(root)).not.toContain('maker');
  await expect(validateDatasets({ root: join(folder, 'nowhere') })).rejects.toThrow('no characters in');
});

describe('the committed data sets', () => {
  const ids = readdirSync(join(DATASETS_ROOT, 'characters')).map((name) => name.replace(/\.yaml$/, ''));

  const rebuilt = buildDatasets({ check: true });

  test('are what their characters give', async () => {
    expect((await rebuilt).differences).toEqual([]);
    expect(listCharacters()).toEqual([...ids].sort());
  });

  test.each(ids)(
    '%s is large enough, and every statement names the character and is asked for twice',
    (id) => {
      const { name, language, statements, queries } = readCharacter(
        join(DATASETS_ROOT, 'characters', `${id}.yaml`),
      );
      expect(statements.length).toBeGreaterThanOrEqual(36);
      expect(queries.length).toBeGreaterThanOrEqual(72);
      const short = language === 'zh' ? name : name.split(' ')[0]!;
      for (const statement of statements) {
        expect(statement.text).toContain(short);
        expect(queries.filter(({ active }) => active[0] === statement.id).length).toBeGreaterThanOrEqual(2);
      }
    },
  );

  test.each(ids)('%s: no text of a held-out query has a near-duplicate in training', (id) => {
    const authored = readCharacter(join(DATASETS_ROOT, 'characters', `${id}.yaml`));
    const split = JSON.parse(readFileSync(join(DATASETS_ROOT, id, 'split.json'), 'utf8'));
    const { queries } = loadCharacter(id);
    const side = (name: string) =>
      queries.filter((query) => query.split === name).map(({ queryId }) => queryId);
    expect(side('held-out')).toEqual(split.heldOut);
    expect(side('train')).toEqual(split.train);
    expect(split.heldOut.length).toBeGreaterThanOrEqual(16);
    expect(split.targetsWithoutTraining).toEqual([]);
    expect(split.train.length + split.heldOut.length + split.dropped.length).toBe(authored.queries.length);
    const texts = (ids: string[]) => {
      const chosen = authored.queries.filter((query) => ids.includes(query.id));
      return {
        queries: chosen.map(({ text }) => text),
        responses: chosen.flatMap((query) => NLI_LABELS.map((label) => query[label].text)),
      };
    };
    const [train, heldOut] = [texts(split.train), texts(split.heldOut)];
    for (const kind of ['queries', 'responses'] as const) {
      const closest = Math.max(...train[kind].flatMap((a) => heldOut[kind].map((b) => similarity(a, b))));
      expect(closest).toBeLessThan(split.options.nearDuplicate);
    }
  });

  test.each(ids)('%s: rows agree with each other', (id) => {
    const { statements, queries, relevance, nli, dialogues } = loadCharacter(id);
    const statement = new Map(statements.map((row) => [row.statementId, row.text]));
    const query = new Map(queries.map((row) => [row.queryId, row]));
    for (const row of [...relevance!, ...nli!]) {
      expect(row.statement).toBe(statement.get(row.statementId));
      expect(row.query).toBe(query.get(row.queryId)!.text);
      expect(row.split).toBe(query.get(row.queryId)!.split);
    }
    for (const row of relevance!) {
      const { active, borderline } = query.get(row.queryId)!;
      expect(row.label === 1).toBe(active.includes(row.statementId));
      expect(borderline).not.toContain(row.statementId);
    }
    expect(new Set(nli!.map((row) => `${row.statementId} ${row.response}`)).size).toBe(nli!.length);
    // What supervised fine-tuning imitates never contradicts the persona.
    const faithful = new Set(dialogues!.map(({ response }) => response));
    expect(nli!.filter(({ label, response }) => label === 0 && faithful.has(response))).toEqual([]);
  });

  test.each(ids)('%s: a response does not give its label away', async (id) => {
    const { statistics } = await rebuilt;
    const { giveAway, length, closeness } = statistics.find(({ character }) => character === id)!;
    const means = Object.values(length);
    expect(Math.max(...means) / Math.min(...means)).toBeLessThan(1.1);
    expect(giveAway.newTarget.accuracy).toBeLessThan(0.55);
    expect(closeness.contradicted / closeness.entailed).toBeGreaterThan(0.7);
  });
});
