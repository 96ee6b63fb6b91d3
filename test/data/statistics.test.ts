import { expect, test } from 'vitest';
import {
  buildCharacter,
  characterStatistics,
  statisticsTable,
  tellingWordsTable,
} from '../../src/data/index.js';
import { TABLE_BEGIN, TABLE_END, withStatistics } from '../../src/data/statisticsTable.js';
import { makeCharacter, refusal } from './helpers.js';

const describe = (character: ReturnType<typeof makeCharacter>) =>
  characterStatistics(character, buildCharacter(character), 0.35);

test('counts, lengths and closeness', () => {
  const character = makeCharacter(10, 2);
  const statistics = describe(character);
  expect(statistics).toMatchObject({ character: 'maker', statements: 10, active: 1, lengthUnit: 'words' });
  expect(statistics.queries).toEqual({ train: 10, 'held-out': 10, dropped: 0 });
  expect(statistics.relevance.train).toEqual({ yes: 10, no: 40 });
  expect(statistics.nli['held-out']).toEqual({ entailed: 10, neutral: 12, contradicted: 10 });
  expect(statistics.length).toEqual({ entailed: 4, neutral: 3, contradicted: 3 });
  expect(statistics.closeness.entailed).toBeGreaterThan(statistics.closeness.neutral);
});

test('a label that a word gives away is found, and the word named', () => {
  const { giveAway } = describe(makeCharacter(10, 2));
  // Every entailed response of the made character begins with "Yes", and so on.
  expect(giveAway.newQuery).toEqual({ accuracy: 1, standardError: 0 });
  expect(giveAway.newTarget).toEqual({ accuracy: 1, standardError: 0 });
  const yes = giveAway.words.find(({ word }) => word === 'yes')!;
  expect(yes).toMatchObject({ label: 'entailed', count: 20, share: 1 });
  expect(yes.logOdds).toBeCloseTo(Math.log((20.5 / 0.5) * (40.5 / 0.5)), 12);
});

test('responses without any cue are classified no better than by chance', () => {
  const character = makeCharacter(10, 2);
  for (const query of character.queries) {
    for (const label of ['entailed', 'neutral', 'contradicted'] as const)
      query[label].text = 'the same words';
  }
  const { giveAway } = describe(character);
  expect(giveAway.newQuery.accuracy).toBe(0);
  expect(giveAway.words).toEqual([]);
});

test('words of the fact itself help with a new query, but not with a new target', () => {
  const character = makeCharacter(10, 2);
  for (const query of character.queries) {
    const target = query.active[0]!;
    const mark = `${target} ${target}x`;
    query.entailed.text = `${mark} yes${query.id}`;
    query.neutral.text = `${target}n ${query.id}n`;
    query.contradicted.text = `${target}c ${query.id}c`;
  }
  const { giveAway } = describe(character);
  expect(giveAway.newQuery.accuracy).toBe(1);
  expect(giveAway.newTarget.accuracy).toBe(0);
});

test('Chinese is measured in characters', () => {
  const character = makeCharacter(4, 2);
  character.statements.forEach((statement, i) => {
    statement.text = `沈墨兰怕${'蛇虎水火'[i]}。`;
  });
  for (const query of character.queries) query.entailed.text = `我怕${query.id}，真的。`;
  const statistics = describe(character);
  expect(statistics.lengthUnit).toBe('characters');
  expect(statistics.length.entailed).toBe(5);
  expect(statistics.giveAway.words.map(({ word }) => word)).toContain('我怕');
});

test('the tables are Markdown, and the README keeps what is outside its markers', () => {
  const all = [describe(makeCharacter(10, 2))];
  const table = statisticsTable(all);
  const lines = table.split('\n');
  expect(lines).toHaveLength(3);
  expect(new Set(lines.map((line) => line.split('|').length)).size).toBe(1);
  expect(lines[2]).toContain('| 100 ± 0 %');
  expect(tellingWordsTable(all)).toContain('yes');
  const readme = `before\n${TABLE_BEGIN}\nold\n${TABLE_END}\nafter\n`;
  const once = withStatistics(readme, table, 'README.md');
  expect(once).toBe(`before\n${TABLE_BEGIN}\n\n${table}\n\n${TABLE_END}\nafter\n`);
  expect(withStatistics(once, table, 'README.md')).toBe(once);
  expect(refusal(() => withStatistics('nothing', table, 'x/README.md')).message).toContain('x/README.md');
});
