import { expect, test } from 'vitest';
import { BUILD_OPTIONS, similarity } from '../../src/data/index.js';
import { splitOf, splitQueries } from '../../src/data/split.js';
import { makeCharacter } from './helpers.js';

test('every query is on one side, a quarter held out, and every target keeps a training query', () => {
  const character = makeCharacter(40, 2);
  const split = splitQueries(character, BUILD_OPTIONS);
  expect([...split.train, ...split.heldOut].sort()).toEqual(character.queries.map(({ id }) => id).sort());
  expect(split.heldOut).toHaveLength(20);
  expect(split.targetsWithoutTraining).toEqual([]);
  expect(splitOf(split).get(split.heldOut[0]!)).toBe('held-out');
});

test('at least heldOutMin are held out, unless a target would lose its last training query', () => {
  expect(splitQueries(makeCharacter(8, 3), BUILD_OPTIONS).heldOut).toHaveLength(16);
  expect(splitQueries(makeCharacter(8, 2), BUILD_OPTIONS).heldOut).toHaveLength(8);
  expect(splitQueries(makeCharacter(8, 1), BUILD_OPTIONS).heldOut).toHaveLength(0);
  expect(splitQueries(makeCharacter(8, 1), BUILD_OPTIONS).targetsWithoutTraining).toEqual([]);
});

test('the seed decides the split', () => {
  const character = makeCharacter(20, 3);
  expect(splitQueries(character, BUILD_OPTIONS)).toEqual(splitQueries(character, BUILD_OPTIONS));
  const other = splitQueries(character, { ...BUILD_OPTIONS, seed: 7 });
  expect(other.heldOut).not.toEqual(splitQueries(character, BUILD_OPTIONS).heldOut);
});

test('queries with a near-duplicate stay in training while others can be held out', () => {
  const character = makeCharacter(20, 2);
  const [a, b] = [character.queries[3]!, character.queries[10]!];
  b.text = `${a.text} now`;
  const options = { ...BUILD_OPTIONS, heldOutMin: 0, heldOutShare: 0.25 };
  for (let seed = 0; seed < 20; seed++) {
    const split = splitQueries(character, { ...options, seed });
    expect(split.dropped).toEqual([]);
    expect(split.train).toEqual(expect.arrayContaining([a.id, b.id]));
  }
});

test.each(['query', 'response'] as const)(
  'a near-duplicate %s of a held-out query is dropped from training',
  (kind) => {
    // Two queries per target and one of each held out: a chain of near-duplicates must cross somewhere.
    const character = makeCharacter(8, 2);
    character.queries.forEach((query, i) => {
      const text = `The very same long sentence for everybody, number ${i}`;
      if (kind === 'query') query.text = text;
      else query.neutral.text = text;
    });
    const split = splitQueries(character, BUILD_OPTIONS);
    expect(split.heldOut).toHaveLength(8);
    expect(split.train).toEqual([]);
    expect(split.dropped).toHaveLength(8);
    expect(split.targetsWithoutTraining).toHaveLength(8);
    const find = (id: string) => character.queries.find((query) => query.id === id)!;
    for (const { queryId, heldOutId, text, similarity: recorded } of split.dropped) {
      expect(split.heldOut).toContain(heldOutId);
      expect(text).toBe(kind);
      const [a, b] = [find(queryId), find(heldOutId)];
      expect(
        kind === 'query' ? similarity(a.text, b.text) : similarity(a.neutral.text, b.neutral.text),
      ).toBeCloseTo(recorded, 4);
    }
  },
);
