import { describe, expect, it } from 'vitest';
import { integerAt, randomKey } from '../../src/support/random.js';
import { parseAnswer } from '../../src/teacher/parse.js';
import {
  nliAnswer,
  queriesAnswer,
  relevanceAnswer,
  responsesAnswer,
  statementsAnswer,
} from '../../src/teacher/stages/answers.js';

const two = { queries: ['Who?', 'Why not, Ada?'] };

describe('a list of sentences', () => {
  it.each([
    ['bare JSON', '{"queries": ["Who?", "Why not, Ada?"]}'],
    ['a bare list', '["Who?", "Why not, Ada?"]'],
    ['a code fence', 'Here you are:\n```json\n{"queries": ["Who?", "Why not, Ada?"]}\n```\nEnjoy!'],
    ['prose around it', 'Sure! {"queries": ["Who?", "Why not, Ada?"]} (as asked [1] {x})'],
    ['trailing commas', '{"queries": ["Who?", "Why not, Ada?",],}'],
    [
      'a thought before it',
      '<think>{"queries": ["no", "no"]}</think>\n{"queries": ["Who?", "Why not, Ada?"]}',
    ],
    ['further keys', '{"queries": ["Who?", "Why not, Ada?"], "note": "done"}'],
    ['the same twice', '{"queries": ["Who?", "Why not, Ada?"]}\n["Who?", "Why not, Ada?"]'],
    ['numbers', '1. Who?\n2. Why not, Ada?'],
    ['numbers in brackets, after a line that leads there', 'The lines:\n\n(1) Who?\n(2) "Why not, Ada?"'],
    ['bullets', '- Who?\n* Why not, Ada?\n'],
    ['white space in the sentences', '{"queries": [" Who?\\n", "Why\\tnot,  Ada?"]}'],
  ])('is read from %s', (_, text) => {
    expect(parseAnswer(text, queriesAnswer(2))).toEqual({ value: two });
  });

  it.each([
    ['too few', '{"queries": ["Who?"]}', /Too small/],
    ['too many', '1. a\n2. b\n3. c', /Too big/],
    ['an empty one', '{"queries": ["Who?", " "]}', /is empty/],
    ['what is no text', '{"queries": ["Who?", 3]}', /queries.1/],
    ['half a character', '{"queries": ["Who?", "\\ud83d"]}', /half a character/],
    ['half of the JSON', '{"queries": ["Who?", "Why', /no JSON/],
    ['lines without numbers', 'Who?\nWhy not, Ada?', /no JSON/],
    ['a list among prose', 'I think:\n1. Who?\nand then\n2. Why?', /no JSON/],
    ['two that differ', '{"queries": ["a", "b"]} or {"queries": ["a", "c"]}', /2 answers that differ/],
    ['nothing', ' \n', /an empty answer/],
    ['another key', '{"questions": ["Who?", "Why?"]}', /queries/],
  ])('is not made of %s', (_, text, detail) => {
    expect(parseAnswer(text, queriesAnswer(2))).toEqual({
      failure: 'malformed',
      detail: expect.stringMatching(detail),
    });
  });

  it('may be empty where a paragraph says nothing', () => {
    expect(parseAnswer('{"statements": []}', statementsAnswer)).toEqual({ value: { statements: [] } });
  });

  it('keeps commas and brackets inside sentences', () => {
    const text = '{"statements": ["Ada said \\"no,]\\".", "Ada likes {this, },",]}';
    expect(parseAnswer(text, statementsAnswer)).toEqual({
      value: { statements: ['Ada said "no,]".', 'Ada likes {this, },'] },
    });
  });
});

describe('a label', () => {
  it.each([
    '{"label": "neutral"}',
    '{"label": "Neutral"}',
    'neutral',
    '**Neutral**.',
    '"neutral"',
    '```\n{"label":"neutral"}\n```',
  ])('is read from %s', (text) =>
    expect(parseAnswer(text, nliAnswer)).toEqual({ value: { label: 'neutral' } }),
  );

  it.each([
    'It is neutral.',
    'not neutral',
    '{"label": "unsure"}',
    '{"label": ["neutral"]}',
    'neutral or entailed',
    'yes',
  ])('is not guessed from %s', (text) =>
    expect(parseAnswer(text, nliAnswer)).toMatchObject({ failure: 'malformed' }),
  );

  it('is not taken from the thoughts of the model', () => {
    expect(parseAnswer('<think>{"label": "yes"}', relevanceAnswer)).toMatchObject({
      value: { label: 'yes' },
    });
    expect(parseAnswer('<think>{"label": "yes"}</think> {"label": "no"}', relevanceAnswer)).toEqual({
      value: { label: 'no' },
    });
  });
});

it.each([
  "I'm sorry, but I can't help with that.",
  'I cannot write this.',
  'As an AI, I must not.',
  '抱歉，我不能回答。',
  '申し訳ありませんが、お答えできません。',
])('a refusal is one: %s', (text) => {
  expect(parseAnswer(text, responsesAnswer)).toMatchObject({ failure: 'refused' });
});

it('whatever comes, it is read or refused, and fast', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ',',
    ':',
    '```\n',
    '\n',
    '1. ',
    '- ',
    'a',
    '"label"',
    '"yes"',
    '<think>',
    'é',
    '\ud83d',
  ];
  const begin = Date.now();
  for (let i = 0; i < 1500; i++) {
    const key = randomKey('parse', i);
    const text = Array.from({ length: 40 }, (_, j) => pieces[integerAt(key, j, pieces.length)]).join('');
    for (const schema of [statementsAnswer, relevanceAnswer, responsesAnswer]) {
      const result = parseAnswer(text, schema);
      expect('value' in result || result.detail !== '').toBe(true);
    }
  }
  parseAnswer('{'.repeat(150_000), statementsAnswer);
  parseAnswer(`${'['.repeat(75_000)}${']'.repeat(75_000)}`, statementsAnswer);
  parseAnswer('"a,'.repeat(50_000), statementsAnswer);
  parseAnswer('```\n'.repeat(40_000), statementsAnswer);
  expect(Date.now() - begin).toBeLessThan(15_000);
});
