import { expect, test } from 'vitest';
import { nearDuplicates, similarity } from '../../src/data/index.js';
import { Twins } from '../../src/data/twins.js';
import { integerAt, randomKey } from '../../src/support/random.js';

const VOCABULARY = 'the a old sea dog house likes runs in 听 雪 斋 to'.split(' ');

/** Texts of few words, so that many are alike; some are empty but for punctuation. */
function texts(seed: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const key = randomKey('texts', seed, i);
    const length = integerAt(key, 0, 8);
    return Array.from({ length }, (_, at) => VOCABULARY[integerAt(key, at + 1, VOCABULARY.length)])
      .join(' ')
      .concat(length === 0 ? '…' : '');
  });
}

/** All pairs, one by one. */
function slowly(list: readonly string[], threshold: number) {
  return list.flatMap((text, a) =>
    list.flatMap((other, b) => {
      const score = similarity(text, other);
      return b > a && score >= threshold ? [{ a, b, similarity: score }] : [];
    }),
  );
}

test.each([0, 0.1, 0.35, 0.5, 2 / 3, 0.9, 1])(
  'the fast search finds what comparing all pairs finds: %d',
  (t) => {
    for (let seed = 0; seed < 4; seed++) {
      const list = texts(seed, 60);
      expect(nearDuplicates(list, t)).toEqual(slowly(list, t));
    }
  },
);

test('crossings of the split are those that comparing all pairs finds first', () => {
  for (let seed = 0; seed < 12; seed++) {
    const all = texts(100 + seed, 90);
    const queries = Array.from({ length: 30 }, (_, i) => ({
      text: all[i]!,
      responses: [all[30 + i]!, all[60 + i]!],
    }));
    const isHeldOut = (i: number): boolean => integerAt(randomKey('side', seed), i, 3) === 0;
    const first = new Map<number, unknown>();
    const entries = {
      query: queries.map(({ text }, query) => ({ query, text })),
      response: queries.flatMap(({ responses }, query) => responses.map((text) => ({ query, text }))),
    };
    const risky = new Set<number>();
    for (const text of ['query', 'response'] as const) {
      const list = entries[text];
      for (const pair of slowly(
        list.map((entry) => entry.text),
        0.5,
      )) {
        const [a, b] = [list[pair.a]!.query, list[pair.b]!.query];
        if (a === b) continue;
        risky.add(a).add(b);
        if (isHeldOut(a) === isHeldOut(b)) continue;
        const [train, heldOut] = isHeldOut(a) ? [b, a] : [a, b];
        if (!first.has(train)) first.set(train, { train, heldOut, text, similarity: pair.similarity });
      }
    }
    const twins = new Twins(queries, 0.5);
    expect(twins.across(isHeldOut)).toEqual([...first.values()]);
    expect(queries.flatMap((_, i) => (twins.has(i) ? [i] : []))).toEqual([...risky].sort((a, b) => a - b));
    expect(first.size).toBeGreaterThan(0);
  }
});
