import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseCharacter } from '../../src/data/index.js';
import { makeCharacter, refusal, yamlOf } from './helpers.js';

const good = `format: truecast.character/1
id: odile
name: Odile
language: en
about: A keeper.
statements:
  - {id: s01, text: "Odile is old."}
  - {id: s02, text: "Odile has a dog."}
queries:
  - id: q01
    text: "How old?"
    active: [s01]
    borderline: []
    entailed: {text: "Old.", entails: [s01], contradicts: []}
    neutral: {text: "Sit.", entails: [s02], contradicts: [], unsure: []}
    contradicted: {text: "Young.", entails: [], contradicts: [s01]}
`;
const file = 'characters/odile.yaml';

/** The problems of the good file after replacing one text by another. */
function problems(...edits: [string, string][]): string {
  let text = good;
  for (const [from, to] of edits) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  return refusal(() => parseCharacter(text, file)).message;
}

test('a good file is read, and what is left out is empty', () => {
  const character = parseCharacter(good, file);
  expect(character.queries[0]!.entailed).toEqual({
    text: 'Old.',
    entails: ['s01'],
    contradicts: [],
    unsure: [],
  });
  expect(character.statements).toHaveLength(2);
  const made = makeCharacter();
  expect(parseCharacter(yamlOf(made), 'maker.yaml')).toEqual(made);
});

test('syntax errors are named with their lines', () => {
  expect(problems(['name: Odile', 'name: "Odile'])).toMatch(/characters\/odile\.yaml:\d+:/);
  expect(problems(['about: A keeper.', 'name: Twice'])).toContain(`${file}:5: Map keys must be unique`);
});

test('another format is refused before anything else', () => {
  expect(problems(['character/1', 'character/2'])).toContain(`${file}:1: format is "truecast.character/2"`);
  expect(refusal(() => parseCharacter('', file)).message).toContain('format is missing');
});

test('every problem of shape is reported at once, with line and key', () => {
  const message = problems(
    ['about: A keeper.', 'abuot: A keeper.'],
    ['language: en', 'language: English'],
    ['text: "Odile is old."', 'text: 12'],
    ['text: "How old?"', 'text: "  "'],
    ['text: "Sit."', 'text: "Sit. "'],
    ['contradicts: [s01]}', 'contradicts: [s01], note: x}'],
    ['borderline: []', 'borderline: s02'],
  );
  expect(message).toContain('8 problems');
  expect(message).toContain(`${file}:1: about: `);
  expect(message).toContain(`${file}:5: unknown key abuot`);
  expect(message).toContain(`${file}:4: language: is not a language tag`);
  expect(message).toContain(`${file}:7: statements[0].text: `);
  expect(message).toContain(`${file}:11: queries[0].text: is empty`);
  expect(message).toContain(`${file}:13: queries[0].borderline: `);
  expect(message).toContain(`${file}:15: queries[0].neutral.text: begins or ends with white space`);
  expect(message).toContain(`${file}:16: unknown key queries[0].contradicted.note`);
});

test.each<[string, [string, string], number, string]>([
  ['id and file', ['id: odile', 'id: other'], 2, 'id is other, but the file is named odile'],
  ['repeated id', ['id: s02', 'id: s01'], 8, `statement id s01 is used twice (first on ${file}:7)`],
  ['repeated text', ['Odile has a dog.', 'Odile is OLD!'], 8, "statement s02 repeats another one's text"],
  ['repeated response', ['"Young."', '"Old!"'], 16, "q01 contradicted repeats another response's text"],
  [
    'unknown reference',
    ['active: [s01]', 'active: [s01, s9]'],
    12,
    'q01: active names s9, which is no statement',
  ],
  ['named twice', ['active: [s01]', 'active: [s01, s01]'], 12, 'q01: active names s01 twice'],
  ['in two lists', ['borderline: []', 'borderline: [s01]'], 13, 'q01: s01 is in both active and borderline'],
  ['unsure too', ['unsure: []', 'unsure: [s02]'], 15, 'q01 neutral: s02 is in both entails and unsure'],
  ['no target', ['active: [s01]', 'active: []'], 12, 'is empty: name the target statement first'],
  ['entailed', ['entails: [s01]', 'entails: [s02]'], 14, 'q01 entailed: the target s01 is not in entails'],
  ['faithful', ['[s01], contradicts: []', '[s01], contradicts: [s02]'], 14, 'it contradicts s02, but only'],
  ['neutral', ['entails: [s02]', 'entails: [s01]'], 15, 'q01 neutral: the target s01 is listed'],
  ['neutral, unsure', ['unsure: []', 'unsure: [s01]'], 15, 'q01 neutral: the target s01 is listed'],
  ['contradicted', ['contradicts: [s01]', 'contradicts: []'], 16, 'the target s01 is not in contradicts'],
])('annotation: %s', (_, edit, line, what) => {
  const message = problems(edit);
  expect(message).toContain(`${file}:${line}: `);
  expect(message).toContain(what);
});

test('a misshapen entry does not hide the problems of the others', () => {
  const message = problems(['id: s02, text', 'id: s02, txet'], ['active: [s01]', 'active: [s01, s02, s9]']);
  expect(message).toContain('unknown key statements[1].txet');
  expect(message).toContain('active names s9');
  expect(message).not.toContain('names s02');
});

test('the example of the documentation is valid', async () => {
  const { readFileSync } = await import('node:fs');
  const readme = readFileSync(new URL('../../datasets/README.md', import.meta.url), 'utf8');
  const example = /```yaml\n(format:[\s\S]*?)```/.exec(readme)![1]!;
  expect(parseCharacter(example, 'odile.yaml').id).toBe('odile');
  expect(parse(example).queries).toHaveLength(1);
});
