import { describe, expect, it } from 'vitest';
import { type WorldCharacter, worldCharacter, worldText } from '../../scripts/base/world/index.js';
import { naiveBayesAccuracy } from './naiveBayes.js';

const characters = Array.from({ length: 200 }, (_, seed) => worldCharacter(seed));
const queries = characters.flatMap((character) => character.queries);
const labels = ['entailed', 'neutral', 'contradicted'] as const;

describe('world characters', () => {
  it('depend on the seed alone', () => {
    expect(worldCharacter(7)).toEqual(characters[7]);
    expect(worldText(7)).toBe(worldText(7));
    expect(new Set(characters.map((character) => character.name)).size).toBeGreaterThan(190);
  });

  it('have labels and lists that agree', () => {
    for (const character of characters) {
      const known = new Set(character.statements.map((statement) => statement.id));
      for (const query of character.queries) {
        const target = query.active[0]!;
        for (const id of query.active) expect(known).toContain(id);
        expect(new Set(query.active).size).toBe(query.active.length);
        expect(query.entailed.entails).toContain(target);
        expect(query.entailed.contradicts).toEqual([]);
        expect(query.neutral.entails).not.toContain(target);
        expect(query.neutral.contradicts).toEqual([]);
        expect(query.contradicted.contradicts).toContain(target);
        for (const label of labels) {
          const { entails, contradicts } = query[label];
          const listed = [...entails, ...contradicts];
          expect(new Set(listed).size, `${character.id} ${query.id} ${label}`).toBe(listed.length);
          for (const id of listed) expect(known).toContain(id);
        }
      }
    }
  });

  it('have 8 to 14 statements that name them, each with two queries', () => {
    for (const character of characters) {
      expect(character.statements.length).toBeGreaterThanOrEqual(8);
      expect(character.statements.length).toBeLessThanOrEqual(14);
      const first = character.name.split(' ')[0]!;
      for (const { id, text } of character.statements) {
        if (character.language === 'en') expect(text).toContain(first);
        expect(character.queries.filter((query) => query.active[0] === id)).toHaveLength(2);
      }
    }
  });

  it('are Chinese about once in eight', () => {
    const chinese = characters.filter((character) => character.language === 'zh').length;
    expect(chinese).toBeGreaterThan(14);
    expect(chinese).toBeLessThan(40);
  });

  it('vary', () => {
    const statements = characters.flatMap((character) => character.statements.map(({ text }) => text));
    const responses = queries.flatMap((query) => labels.map((label) => query[label].text));
    const share = (texts: string[]) => new Set(texts).size / texts.length;
    expect(share(statements)).toBeGreaterThan(0.99);
    expect(share(responses)).toBeGreaterThan(0.97);
    expect(share(queries.map((query) => query.text))).toBeGreaterThan(0.6);
    expect(queries.filter((query) => query.active.length > 1).length / queries.length).toBeGreaterThan(0.2);
  });

  it('give no label away by length or by words', () => {
    const means = labels.map((label) => mean(queries.map((query) => query[label].text.length)));
    expect(Math.max(...means) / Math.min(...means)).toBeLessThan(1.1);
    const rows = characters.map((character) =>
      character.queries.flatMap((query) =>
        labels.map((label) => ({ label, words: wordsOf(character, query[label].text) })),
      ),
    );
    const accuracy = naiveBayesAccuracy(rows.slice(0, 150).flat(), rows.slice(150).flat());
    expect(accuracy).toBeLessThan(0.42);
  });
});

describe('world text', () => {
  const texts = characters.flatMap((character, seed) => [
    worldText(seed),
    ...character.statements.map(({ text }) => text),
    ...character.queries.flatMap((query) => [query.text, ...labels.map((label) => query[label].text)]),
  ]);

  /** Every text that a pattern finds something in: named all at once, and faster than an assertion for each. */
  const offenders = (pattern: RegExp) => texts.filter((text) => pattern.test(text));

  it('has no remains of templates', () => {
    expect(offenders(/[{}|[\]]|undefined| {2}|^ | $|\s[.,?!]|[.,]{2}/)).toEqual([]);
  });

  it('has the right articles', () => {
    expect(offenders(/\ba (?!eu|one|uni[^n]|us[eu]|ukul)[aeiou]/i)).toEqual([]);
    expect(offenders(/\ban (?!hour|honest|heir|honour)[^aeiou8\W1]/i)).toEqual([]);
    expect(offenders(/\b(a|an|the|my|your) (a|an|the|my|your) /i)).toEqual([]);
    expect(offenders(/\b(\p{L}+) \1\b/iu)).toEqual([]);
  });

  it('begins sentences with capitals and speaks of itself in the right person', () => {
    expect(offenders(/[.!?] \p{Ll}|^\p{Ll}/u)).toEqual([]);
    const statements = characters.flatMap((character) => character.statements.map(({ text }) => text));
    expect(statements.filter((text) => /\b(my|myself|I|me)\b/.test(text))).toEqual([]);
  });
});

function mean(numbers: number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function wordsOf(character: WorldCharacter, text: string): string[] {
  return character.language === 'zh' ? [...text] : text.toLowerCase().match(/[\p{L}\d'-]+/gu)!;
}
