import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { buildDatasetConfigSchema } from '../../src/config/teacher.js';
import { loadCharacter, readJsonl, readTable } from '../../src/data/index.js';
import { buildDataset, estimateDataset } from '../../src/recipes/buildDataset.js';
import { silent } from '../../src/support/progress.js';
import { failuresTable } from '../../src/teacher/failures.js';
import { reviewTable } from '../../src/teacher/review/rows.js';
import { REVIEW_FILE } from '../../src/teacher/review/session.js';
import { FakeApi } from '../helpers/fakeApi.js';
import { config, ENVIRONMENT, finished, lines, workshop } from './helpers.js';

const api = await FakeApi.start();
const make = workshop();
beforeEach(() => api.reset());

const template = (rest: object = {}) =>
  buildDatasetConfigSchema.parse({
    teacher: { kind: 'template' },
    split: { nearDuplicate: 0.8 },
    ...rest,
  });
const disagreementsOf = (out: string) => readTable(join(out, 'disagreements.arrow'), reviewTable);

describe('the template teacher', () => {
  it('builds a data set, the same each time, marked as what it is', async () => {
    const notes: string[] = [];
    const progress = { ...silent, note: (text: string) => void notes.push(text) };
    const { out, build } = make();
    expect(await build(template({ reviewShare: 0.1 }), {}, progress)).toMatchObject({ built: true });
    const { statements, relevance, nli, dialogues } = loadCharacter(out);
    expect(statements).toHaveLength(5);
    expect(new Set(relevance!.map(({ label }) => label))).toEqual(new Set([0, 1]));
    expect(new Set(nli!.map(({ label }) => label))).toEqual(new Set([0, 1, 2]));
    expect(dialogues!.length).toBeGreaterThan(5);
    const warning = 'rule-based: for trying things out, not for results';
    expect(notes.filter((note) => note.includes(warning))).toHaveLength(1);
    expect(readFileSync(join(out, 'report.md'), 'utf8')).toContain(warning);
    const provenance = JSON.parse(readFileSync(join(out, 'provenance.json'), 'utf8'));
    expect(provenance.warnings).toEqual([expect.stringContaining(warning)]);
    expect(provenance.stages.nli.teacher).toEqual({ teacher: 'template', rules: 1 });
    const again = make();
    await again.build(template({ reviewShare: 0.1 }));
    expect(finished(again.out)).toEqual(finished(out));
  });

  it('sets the share of rows aside that the configuration wants', async () => {
    const { out, build } = make();
    const { toReview, rows } = await build(template({ reviewShare: 0.2 }));
    const aside = readJsonl(join(out, REVIEW_FILE), reviewTable);
    expect(aside).toHaveLength(toReview);
    expect(toReview / (rows!.relevance + rows!.nli)).toBeCloseTo(0.2, 1);
    expect(aside.every(({ why }) => why === 'sample')).toBe(true);
    const without = make();
    expect(await without.build(template())).toMatchObject({ toReview: 0, second: null });
    expect(existsSync(join(without.out, REVIEW_FILE))).toBe(false);
  });

  it.each([
    [
      'zh',
      '林溪',
      '林溪出生在昆明。她喜欢弹吉他。林溪每天早上都去河边散步。\n\n林溪有一只灰色的猫。她会修理旧钟。',
    ],
    [
      'ja',
      '篠原葵',
      '篠原葵は長野で生まれた。彼女は山の写真が好きだ。\n\n篠原葵は京都に住んでいます。彼女は毎朝パンを焼きます。',
    ],
  ])('knows %s, too', async (language, name, text) => {
    const { folder, document, build } = make(text);
    const out = join(folder, 'other');
    const result = await build(template(), { document, name, language, out });
    expect(result).toMatchObject({ built: true });
    expect(result.rows!.statements).toBeGreaterThanOrEqual(4);
    expect(result.rows!.dialogues).toBeGreaterThan(4);
  });
});

describe('a local model', () => {
  const tiny = { kind: 'local', model: 'checkpoints/tiny-gemma', quantization: 'none', backend: 'wasm' };
  const short = Object.fromEntries(
    ['statements', 'queries', 'verification', 'relevance', 'responses', 'nli'].map((stage) => [
      stage,
      { maxTokens: 24, temperature: 1 },
    ]),
  );

  it('that answers nonsense comes to an end that says so', async () => {
    const { out, build } = make();
    const settings = template({ teacher: tiny, stages: short });
    await expect(build(settings)).rejects.toThrow(
      /no statements came out .*: (2 (malformed|too-long)|1 .*, 1 )/,
    );
    // asking it again would give the same
    expect(lines(out)).toHaveLength(2);
    await expect(build(settings)).rejects.toThrow('no statements came out');
    expect(lines(out)).toHaveLength(2);
  });

  it('as the second one gives rows with reasons, and a report', async () => {
    const { out, build } = make('Ada likes apples. Ada owns a grey cat.');
    const few = { queriesPerStatement: 1, otherStatements: 1, otherResponses: 1 };
    const settings = template({ ...few, stages: short, secondTeacher: { teacher: tiny } });
    const result = await build(settings);
    const { relevance, nli } = loadCharacter(out);
    const failures = readTable(join(out, 'failures.arrow'), failuresTable).filter(({ detail }) =>
      detail.startsWith('the second teacher: '),
    );
    expect(failures).toHaveLength(relevance!.length + nli!.length);
    expect(failures.every(({ reason }) => ['malformed', 'too-long'].includes(reason))).toBe(true);
    expect(result.second).toMatchObject({ disagreements: 0, relevance: { rows: 0, kappa: null } });
    expect(readFileSync(join(out, 'report.md'), 'utf8')).toContain('κ undefined (no rows)');
  });
});

describe('a second teacher', () => {
  const settings = (disagreements: string, rest: object = {}) =>
    config(
      api.baseUrl,
      {},
      {
        secondTeacher: { teacher: { kind: 'template' }, disagreements },
        split: { nearDuplicate: 0.8 },
        ...rest,
      },
    );

  it('labels every row once more; what becomes of disagreements is for the configuration', async () => {
    const alone = make();
    await alone.build(config(api.baseUrl, {}, { split: { nearDuplicate: 0.8 } }));
    const before = loadCharacter(alone.out);
    const all = before.relevance!.length + before.nli!.length;

    const first = make();
    const kept = await first.build(settings('first'));
    expect(loadCharacter(first.out)).toEqual(before);
    const rows = disagreementsOf(first.out);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every(({ label, secondLabel }) => secondLabel !== null && label !== secondLabel)).toBe(true);
    expect(kept.second!.relevance.rows + kept.second!.nli.rows).toBe(all);
    expect(kept.second!.nli.kappa).toBeLessThan(1);
    expect(kept.toReview).toBe(0);
    const report = readFileSync(join(first.out, 'report.md'), 'utf8');
    expect(report).toContain('## A second teacher: template');
    expect(report).toMatch(/Cohen's κ -?0\.\d{3} \(95 % interval/);

    for (const policy of ['drop', 'review']) {
      const { out, build } = make();
      const result = await build(settings(policy));
      const after = loadCharacter(out);
      expect(after.relevance!.length + after.nli!.length).toBe(all - rows.length);
      expect(result.second!.disagreements).toBe(rows.length);
      const aside = existsSync(join(out, REVIEW_FILE)) ? readJsonl(join(out, REVIEW_FILE), reviewTable) : [];
      expect(aside.length).toBe(policy === 'review' ? rows.length : 0);
      // what followed from a label that is gone is gone, too
      for (const { queryId, active } of after.queries) {
        const yes = after.relevance!.filter((row) => row.queryId === queryId && row.label === 1);
        expect([...active].sort()).toEqual(yes.map(({ statementId }) => statementId).sort());
      }
      for (const { queryId, response } of after.dialogues!) {
        const said = after.nli!.find(
          (row) => row.queryId === queryId && row.response === response && row.origin === 'target',
        );
        expect(said?.label).toBe(2);
      }
    }
  });

  it('is asked what it has not answered, and nothing twice; its failures are retried', async () => {
    const { out, document, build } = make();
    const both = template({
      secondTeacher: { teacher: config(api.baseUrl).teacher, disagreements: 'drop' },
      tries: 1,
    });
    const source = { document, name: 'Ada', language: 'en', out, config: both };
    const prices = {
      asOf: '2026-01-31',
      currency: 'USD',
      models: { fake: { input: 1, output: 1, batch: 1 } },
    };
    const estimated = () => estimateDataset(source, prices, { progress: silent }, ENVIRONMENT);
    const expected = await estimated();
    expect(expected.stages.filter(({ model }) => model === 'fake').map(({ stage }) => stage)).toEqual([
      'verification',
      'relevance',
      'nli',
    ]);
    expect(expected.cost).toBeGreaterThan(0);

    api.fault = (_, number) => (number % 5 === 0 ? { kind: 'refusal' } : undefined);
    const result = await build(both);
    const refused = result.failures.refused!;
    expect(refused).toBeGreaterThan(2);
    expect(result.second!.relevance.rows + result.second!.nli.rows).toBeGreaterThan(0);
    api.fault = () => undefined;
    const asked = api.asked.length;
    await build(both);
    expect(api.asked).toHaveLength(asked);
    expect((await estimated()).stages.filter(({ model, toAsk }) => model === 'fake' && toAsk > 0)).toEqual(
      [],
    );
    const mended = await build(both, { retryFailures: true });
    expect(mended.failures.refused).toBeUndefined();
    expect(api.asked.length - asked).toBe(refused);

    const clean = make();
    await clean.build(both);
    expect(finished(clean.out)).toEqual(finished(out));
  });

  it('labels in shards, too', async () => {
    const whole = make();
    const both = settings('drop');
    await whole.build(both);
    const { folder, document, out, build } = make();
    for (let round = 0; round < 4; round++) {
      for (const index of [1, 2]) {
        await buildDataset(
          { document, name: 'Ada', language: 'en', out, config: both, shard: { index, count: 2 } },
          { progress: silent },
          ENVIRONMENT,
        );
      }
    }
    const calls = api.asked.length;
    const { asked } = await build(both);
    expect(folder).toBeTruthy();
    expect(asked.questions).toBe(0);
    expect(api.asked).toHaveLength(calls);
    expect(finished(out)).toEqual(finished(whole.out));
  });
});
