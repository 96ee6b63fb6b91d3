import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildDatasets, listCharacters, loadCharacter } from '../../src/data/index.js';
import { makeCharacter, refusal, temporaryFolder, write, yamlOf } from './helpers.js';

const folder = temporaryFolder();
const persona = `name: Odile
language: en
statements:
  - Odile is old.
  - Odile has a dog.
queries:
  - How old are you?
`;

test('a built data set is the same by id, by folder, and built in memory from its YAML', async () => {
  const root = join(folder, 'root');
  mkdirSync(join(root, 'characters'), { recursive: true });
  const yaml = write(root, 'characters/maker.yaml', yamlOf(makeCharacter(10, 3)));
  await buildDatasets({ root });
  const loaded = loadCharacter('maker', root);
  expect(loaded).toStrictEqual(loadCharacter(join(root, 'maker')));
  expect(loaded).toStrictEqual(loadCharacter(yaml));
  expect(loaded).toMatchObject({ id: 'maker', name: 'Maker', language: 'en' });
  expect(loaded.statements).toHaveLength(10);
  expect(loaded.nli!.length).toBeGreaterThan(90);
  expect(listCharacters(root)).toEqual(['maker']);

  rmSync(join(root, 'maker', 'nli.arrow'));
  expect(refusal(() => loadCharacter('maker', root)).message).toContain(join(root, 'maker', 'nli.arrow'));
  write(join(root, 'maker'), 'split.json', '{"format":"truecast.split/2"}');
  expect(refusal(() => loadCharacter('maker', root)).message).toContain('not a truecast.split/1 file');
});

test('a plain persona gets ids and has no training rows', () => {
  const loaded = loadCharacter(write(folder, 'odile.yaml', persona));
  expect(loaded).toStrictEqual({
    id: 'odile',
    name: 'Odile',
    language: 'en',
    statements: [
      { character: 'odile', statementId: 's01', text: 'Odile is old.' },
      { character: 'odile', statementId: 's02', text: 'Odile has a dog.' },
    ],
    queries: [
      {
        character: 'odile',
        queryId: 'q01',
        text: 'How old are you?',
        split: 'train',
        active: [],
        borderline: [],
      },
    ],
  });
  const bare = loadCharacter(write(folder, 'bare.yml', persona.replace(/queries:[\s\S]*/, '')));
  expect(bare.queries).toEqual([]);
});

test.each([
  [
    'an empty query list',
    persona.replace(/queries:[\s\S]*/, 'queries: []\n'),
    'bad.yaml:6: queries: is empty',
  ],
  ['an empty statement', persona.replace('Odile is old.', '""'), 'bad.yaml:4: statements[0]: is empty'],
  [
    'no statement',
    persona.replace(/statements:[\s\S]*/, 'statements: []\n'),
    'bad.yaml:3: statements: is empty',
  ],
  [
    'a repeated statement',
    persona.replace('has a dog', 'is old'),
    'bad.yaml:5: statements[1]: repeats statements[0]',
  ],
  ['an unknown key', `${persona}mood: dour\n`, 'bad.yaml:8: unknown key mood'],
  ['a missing name', persona.replace('name: Odile\n', ''), 'name: '],
  ['a broken file', '{', 'bad.yaml:1: '],
  ['an empty file', '', 'bad.yaml:1: '],
  ['a list', '- a\n', 'bad.yaml:1: '],
])('a persona with %s is refused', (_, text, what) => {
  const { message, remedy } = refusal(() => loadCharacter(write(folder, 'bad.yaml', text)));
  expect(message).toContain(what);
  expect(remedy).toBeDefined();
});

test('several problems of a persona are reported at once', () => {
  const path = write(folder, '1 bad name.yaml', `${persona}mood: dour\n  `.replace('Odile is old.', '""'));
  const { message } = refusal(() => loadCharacter(path));
  expect(message).toContain('3 problems');
  expect(message).toContain('the file name becomes the id');
});

test('what is not there is named, with what there is', () => {
  expect(refusal(() => loadCharacter(join(folder, 'none.yaml'))).message).toContain('none.yaml');
  const unknown = refusal(() => loadCharacter('nobody', folder));
  expect(unknown.message).toContain('character not found: nobody');
  expect(unknown.remedy).toContain('(none is built)');
  expect(refusal(() => loadCharacter(folder)).message).toContain('holds no split.json');
});
