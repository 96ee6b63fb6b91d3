import { expect, test } from 'vitest';
import { jaccard, LexicalIndex, nearDuplicates, similarity, words } from '../../src/data/index.js';
import { fingerprint } from '../../src/data/similarity.js';
import { terms } from '../../src/data/text.js';

test('Jaccard', () => {
  expect(jaccard(new Set('abc'), new Set('bcd'))).toBe(0.5);
  expect(jaccard(new Set(), new Set('a'))).toBe(0);
  expect(jaccard(new Set(), new Set())).toBe(1);
});

test('words and terms, also where no space parts them', () => {
  expect(words('Inés’s ‘old’ café—2 songs, 听雪 tea')).toEqual([
    "inés's",
    'old',
    'café',
    '2',
    'songs',
    '听',
    '雪',
    'tea',
  ]);
  expect(terms('听雪斋，a tea')).toEqual(['听', '雪', '斋', '听雪', '雪斋', 'a', 'tea']);
  expect(words('…!')).toEqual([]);
});

test('similarity ignores case and punctuation and works by bigrams in Chinese', () => {
  expect(similarity('Where do you live?', 'where DO you live')).toBe(1);
  expect(similarity('abcd', 'abce')).toBeCloseTo(1 / 3, 12);
  expect(similarity('听雪斋', '听雪楼')).toBeCloseTo(1 / 3, 12);
  expect(similarity('Where do you live?', 'Grind the lenses')).toBeLessThan(0.1);
  // One foreign word must not make two English texts incomparable.
  expect(similarity('Tell me about the tea house 听雪斋', 'Tell me about the tea house')).toBeGreaterThan(
    0.7,
  );
});

test('near-duplicates are all the pairs from the threshold on', () => {
  expect(nearDuplicates(['abcd', 'zzzz', 'abce', 'abcd'], 1 / 3)).toEqual([
    { a: 0, b: 2, similarity: 1 / 3 },
    { a: 0, b: 3, similarity: 1 },
    { a: 2, b: 3, similarity: 1 / 3 },
  ]);
});

test('the lexical index ranks by shared rare words and word stems, and a name that is everywhere counts nothing', () => {
  const index = new LexicalIndex([
    'Odile keeps a garden of leeks.',
    'Odile fears horses.',
    'Odile lives on an island.',
    'Odile drinks chicory.',
  ]);
  expect(index.rank('Are you a gardener?')[0]).toBe(0);
  expect(index.rank('What island is this, Odile?')[0]).toBe(2);
  expect(index.scores('Odile!')).toEqual([0, 0, 0, 0]);
  expect(index.rank('Odile!')).toEqual([0, 1, 2, 3]);
  expect(index.scores('Odile fears horses.')[1]).toBeCloseTo(1, 12);
});

test('the lexical index in Chinese', () => {
  const index = new LexicalIndex(['沈墨兰怕蛇。', '沈墨兰爱下象棋。', '沈墨兰开茶坊。']);
  expect(index.rank('来一盘象棋？')[0]).toBe(1);
});

test('Japanese is compared by pairs of characters, whatever its scripts; a long vowel belongs to its word', () => {
  expect([...fingerprint('スープが好き')]).toEqual(['スー', 'ープ', 'プが', 'が好', '好き']);
  expect(words('コーヒー2杯')).toEqual(['コ', 'ー', 'ヒ', 'ー', '2', '杯']);
  // half-width letters are the same ones
  expect(similarity('ｺｰﾋｰを飲む。', 'コーヒーを飲む')).toBe(1);
  expect(similarity('アダは毎朝コーヒーを飲む。', 'アダは毎晩スープを飲む。')).toBeLessThan(0.5);
});

test('near-duplicates are the pairs that similarity finds', () => {
  const parts = ['Ada', 'likes', '苹果', 'apples', 'リンゴ', '1912', 'the', 'old', 'mill', ''];
  const texts = Array.from({ length: 60 }, (_, i) =>
    Array.from({ length: i % 6 }, (_, j) => parts[(7 * i + 3 * j * j) % parts.length]).join(' '),
  );
  for (const threshold of [0, 0.2, 0.35, 0.5, 1]) {
    const expected = texts.flatMap((x, a) =>
      texts.flatMap((y, b) => {
        const score = similarity(x, y);
        return b > a && score >= threshold ? [{ a, b, similarity: score }] : [];
      }),
    );
    expect(nearDuplicates(texts, threshold)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
  }
});
