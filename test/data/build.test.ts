import { expect, test } from 'vitest';
import {
  BUILD_OPTIONS,
  buildCharacter,
  NLI_LABELS,
  type NliRow,
  nliTable,
  tableBytes,
} from '../../src/data/index.js';
import { makeCharacter } from './helpers.js';

function character() {
  const made = makeCharacter(16, 3);
  made.queries[0]!.active.push('s5');
  made.queries[0]!.entailed.entails.push('s5');
  made.queries[1]!.contradicted.contradicts.push('s9');
  made.queries[2]!.neutral.unsure.push('s12');
  return made;
}

test('a build is a function of the character and the options', () => {
  expect(buildCharacter(character())).toEqual(buildCharacter(character()));
  const bytes = (seed: number) =>
    Buffer.from(tableBytes(nliTable, buildCharacter(character(), { ...BUILD_OPTIONS, seed }).nli));
  expect(bytes(1).equals(bytes(1))).toBe(true);
  expect(bytes(1).equals(bytes(2))).toBe(false);
});

test('an edit of one query leaves the relevance rows of the others as they are', () => {
  const before = buildCharacter(character());
  const edited = character();
  edited.queries[4]!.text = 'Something entirely different, if you please';
  const after = buildCharacter(edited);
  const others = (rows: typeof before.relevance) => rows.filter(({ queryId }) => queryId !== 'q5');
  expect(others(after.relevance)).toEqual(others(before.relevance));
});

test('relevance: all active statements are yes, a fixed number of asserted others is no, borderline is neither', () => {
  const { queries } = character();
  const { relevance } = buildCharacter(character());
  for (const query of queries) {
    const rows = relevance.filter(({ queryId }) => queryId === query.id);
    expect(rows.filter(({ label }) => label === 1).map((r) => r.statementId)).toEqual(query.active);
    const no = rows.filter(({ label }) => label === 0).map((r) => r.statementId);
    expect(no).toHaveLength(BUILD_OPTIONS.hardNegatives + BUILD_OPTIONS.randomNegatives);
    expect(new Set([...no, ...query.active, ...query.borderline]).size).toBe(
      no.length + query.active.length + query.borderline.length,
    );
    expect(rows.map(({ origin }) => origin).filter((origin) => origin === 'hard')).toHaveLength(2);
  }
});

test('a persona too small for all the negatives takes those it has', () => {
  const { relevance } = buildCharacter(makeCharacter(3, 2));
  // One statement is active and one borderline, so a single one is left.
  expect(relevance.filter(({ queryId }) => queryId === 'q1').map(({ origin }) => origin)).toEqual([
    'active',
    'hard',
  ]);
});

/** The label that the annotation gives a row's pair; undefined for unsure. */
function annotated(row: NliRow) {
  const query = character().queries.find(({ id }) => id === row.queryId)!;
  const response = NLI_LABELS.map((label) => query[label]).find(({ text }) => text === row.response)!;
  if (response.unsure.includes(row.statementId)) return undefined;
  if (response.entails.includes(row.statementId)) return 'entailed';
  return response.contradicts.includes(row.statementId) ? 'contradicted' : 'neutral';
}

test('NLI: every row has the label of the annotation, no pair occurs twice, and all listed pairs occur', () => {
  const { nli } = buildCharacter(character());
  for (const row of nli) expect(NLI_LABELS[row.label]).toBe(annotated(row));
  expect(new Set(nli.map((row) => `${row.statementId} ${row.response}`)).size).toBe(nli.length);
  expect(nli.filter(({ origin }) => origin === 'target')).toHaveLength(3 * 48);
  expect(
    nli.filter(({ origin }) => origin === 'listed').map((r) => [r.queryId, r.statementId, r.label]),
  ).toEqual([
    ['q1', 's5', 2],
    ['q2', 's9', 0],
  ]);
});

test.each([0, 1.2, 3])(
  'NLI: neutral rows reach %f times the mean of the other classes on both sides',
  (ratio) => {
    const { nli } = buildCharacter(character(), { ...BUILD_OPTIONS, neutralRatio: ratio });
    for (const split of ['train', 'held-out']) {
      const rows = nli.filter((row) => row.split === split);
      const count = (label: number) => rows.filter((row) => row.label === label).length;
      const authored = rows.filter(({ origin, label }) => origin !== 'cross' && label === 1).length;
      expect(count(1)).toBe(Math.max(authored, Math.round((ratio * (count(0) + count(2))) / 2)));
      // Shared evenly among the kinds of response, so that a response's kind does not tell a cross row's label.
      const kinds = NLI_LABELS.map((label) => {
        const opening = { entailed: 'Yes', neutral: 'Well', contradicted: 'Only' }[label];
        return rows.filter(({ origin, response }) => origin === 'cross' && response.startsWith(opening))
          .length;
      });
      expect(Math.max(...kinds) - Math.min(...kinds)).toBeLessThanOrEqual(1);
    }
  },
);

test('NLI: cross rows end where every pair is used', () => {
  const made = makeCharacter(2, 2);
  const { nli, split } = buildCharacter(made, { ...BUILD_OPTIONS, neutralRatio: 100 });
  expect(nli).toHaveLength(2 * 3 * (split.train.length + split.heldOut.length));
});

test('all tables put a query on the side the split says, and dialogues hold the entailed responses', () => {
  const made = character();
  const data = buildCharacter(made);
  const heldOut = new Set(data.split.heldOut);
  for (const rows of [data.queries, data.relevance, data.nli, data.dialogues]) {
    for (const { queryId, split } of rows) expect(split).toBe(heldOut.has(queryId) ? 'held-out' : 'train');
  }
  expect(data.dialogues.map(({ response }) => response)).toEqual(
    made.queries.map(({ entailed }) => entailed.text),
  );
  expect(data.statements.map(({ statementId }) => statementId)).toEqual(made.statements.map(({ id }) => id));
});

test('a dropped query is in no table', () => {
  const made = makeCharacter(8, 2);
  for (const [i, query] of made.queries.entries())
    query.text = `The very same long sentence for all, number ${i}`;
  const data = buildCharacter(made);
  const dropped = new Set(data.split.dropped.map(({ queryId }) => queryId));
  expect(dropped.size).toBeGreaterThan(0);
  for (const rows of [data.queries, data.relevance, data.nli, data.dialogues]) {
    expect(rows.filter(({ queryId }) => dropped.has(queryId))).toEqual([]);
  }
});
