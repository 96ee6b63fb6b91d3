import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadCharacter } from '../../src/data/index.js';
import type { BuildDatasetResult } from '../../src/recipes/buildDataset.js';
import type { Estimate } from '../../src/teacher/estimate.js';
import { truecast, truecastJson } from '../helpers/cli.js';
import { FakeApi } from '../helpers/fakeApi.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { DOCUMENT, ENVIRONMENT, finished, KEY } from '../teacher/helpers.js';

const api = await FakeApi.start();
const temporary = temporaryFolders();
beforeEach(() => api.reset());

function project(teacher: object = {}) {
  const cwd = temporary();
  writeFileSync(join(cwd, 'ada.txt'), DOCUMENT);
  const settings = {
    kind: 'openai',
    baseUrl: api.baseUrl,
    model: 'fake',
    keyFrom: 'TEACHER_KEY',
    ...teacher,
  };
  writeFileSync(
    join(cwd, 'teacher.yaml'),
    stringify({ teacher: settings, stages: { nli: { model: 'small' } } }),
  );
  writeFileSync(
    join(cwd, 'prices.yaml'),
    stringify({
      asOf: '2026-01-02',
      currency: 'EUR',
      models: { fake: { input: 2, output: 10 }, small: { input: 1, output: 4 } },
    }),
  );
  const args = [
    'build-dataset',
    '--document',
    'ada.txt',
    '--name',
    'Ada',
    '--language',
    'en',
    '--config',
    'teacher.yaml',
    '--out',
    'data/ada',
  ];
  return { cwd, args, env: ENVIRONMENT };
}

describe('truecast build-dataset', () => {
  it('builds, says what was asked, and goes on', async () => {
    const { cwd, args, env } = project();
    const { code, stdout, stderr } = await truecast(args, { cwd, env });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^statements: 2 of 2 answered$/m);
    expect(stdout).toMatch(/^merged: 1 statement/m);
    expect(stdout).toMatch(
      /^data set: data\/ada \(5 statements, \d+ queries, \d+ relevance, \d+ nli, \d+ dialogues\)$/m,
    );
    expect(stdout).toMatch(/^left out: \d+ unverified, \d+ disagreement; see data\/ada\/report.md/m);
    expect(stderr).toMatch(/^nli \d+\/\d+ · .*\/s/m);
    expect(`${stdout}${stderr}`).not.toContain(KEY);
    expect(loadCharacter(join(cwd, 'data/ada')).name).toBe('Ada');
    const again = await truecastJson<BuildDatasetResult>(args, { cwd, env });
    expect(again).toMatchObject({ built: true, asked: { questions: 0 } });
  });

  it('estimates without asking, by prices that the user keeps', async () => {
    const { cwd, args, env } = project();
    const dry = [...args, '--dry-run', '--prices', 'prices.yaml'];
    const estimate = await truecastJson<Estimate>(dry, { cwd });
    expect(existsSync(join(cwd, 'data'))).toBe(false);
    expect(api.asked).toHaveLength(0);
    expect(estimate).toMatchObject({ currency: 'EUR', asOf: '2026-01-02', unpriced: [] });
    const sum = estimate.stages.reduce((total, { promptTokens, completionTokens, model }) => {
      const [input, output] = model === 'small' ? [1, 4] : [2, 10];
      return total + (promptTokens * input! + completionTokens * output!) / 1e6;
    }, 0);
    expect(estimate.cost).toBeCloseTo(sum, 12);
    expect(estimate.cost).toBeGreaterThan(0);
    // with answers in the store: nothing is left to ask, and the counts are the real ones
    const built = await truecastJson<BuildDatasetResult>(args, { cwd, env });
    const after = await truecastJson<Estimate>(dry, { cwd });
    expect([after.toAsk, after.cost]).toEqual([0, 0]);
    for (const { stage, questions } of after.stages) expect(questions).toBe(built.stages[stage]!.questions);
    const dear = await truecast([...dry, '--teacher', 'openai:dear'], { cwd });
    expect(dear.stdout).toContain('prices.yaml has no price of dear');
    expect(dear.stdout).toContain('Prices as of 2026-01-02');
  });

  it('works in shards, and merges them', async () => {
    const whole = project();
    await truecastJson(whole.args, whole);
    const { cwd, args, env } = project();
    const { code, stdout, stderr } = await truecast([...args, '--shard', '1/1'], { cwd, env });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('this shard is done');
    expect(existsSync(join(cwd, 'data/ada/split.json'))).toBe(false);
    api.reset();
    const merged = args.with(-1, 'merged/ada');
    const result = await truecastJson<BuildDatasetResult>([...merged, '--merge', 'data/ada'], { cwd, env });
    expect(result.built).toBe(true);
    expect(api.asked).toHaveLength(0);
    expect(finished(join(cwd, 'merged/ada'))).toEqual(finished(join(whole.cwd, 'data/ada')));
  });

  it.each<[string, string[], RegExp]>([
    ['--shard', ['--shard', '0/3'], /--shard takes i\/n/],
    ['--teacher', ['--teacher', 'gpt'], /no such teacher: gpt/],
    ['--dry-run with --merge', ['--dry-run', '--merge', 'x'], /--dry-run is of the whole/],
  ])('a wrong %s is a wrong call', async (_, wrong, message) => {
    const { cwd, args, env } = project();
    const { code, stderr } = await truecast([...args, ...wrong], { cwd, env });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('names what is wrong in a configuration, with its line', async () => {
    const { cwd, args, env } = project({ concurrency: 0, baseUrl: 'nowhere' });
    const { code, stderr } = await truecast(args, { cwd, env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/teacher.yaml:\d+: teacher.concurrency/);
    expect(stderr).toMatch(/teacher.yaml:\d+: teacher.baseUrl: is no address/);
  });
});
