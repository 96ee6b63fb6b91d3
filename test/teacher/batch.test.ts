import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeApi } from '../helpers/fakeApi.js';
import { config, finished, lines, workshop } from './helpers.js';

const api = await FakeApi.start();
const make = workshop();
beforeEach(() => api.reset());

const batched = (rest: object = {}) => config(api.baseUrl, { batch: true, batchPollSeconds: 0.01, ...rest });

async function clean(): Promise<Record<string, string>> {
  const { out, build } = make();
  await build(config(api.baseUrl));
  api.reset();
  return finished(out);
}

describe('the Batch API', () => {
  it('gives the bytes of single requests, with a batch a stage', async () => {
    const expected = await clean();
    const { out, build } = make();
    await build(batched());
    expect(finished(out)).toEqual(expected);
    expect(api.asked).toHaveLength(0);
    expect(api.batches).toHaveLength(6);
    const [first] = api.files.get(api.batches[0]!.input_file_id)!.split('\n');
    expect(JSON.parse(first!)).toMatchObject({
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'fake' },
    });
  });

  it('sends again what a batch fails to answer, and nothing else', async () => {
    const expected = await clean();
    api.batchEnd = ({ id }, line) => {
      if (line % 5 === 1 && Number(id.slice(6)) % 2 === 1) return line % 2 === 0 ? 'error' : 'missing';
      return 'answer';
    };
    const { out, build } = make();
    await build(batched());
    expect(finished(out)).toEqual(expected);
    expect(api.batches.length).toBeGreaterThan(6);
    expect([...api.answered.values()].every((times) => times === 1)).toBe(true);
  });

  it('gives up what no batch answers', async () => {
    api.batchEnd = () => 'missing';
    const { build } = make();
    await expect(build(batched({ attempts: 2 }))).rejects.toThrow(/without an answer, 2 times/);
  });

  it('says why a batch failed, and makes another one the next time', async () => {
    api.batchStatus = () => 'failed';
    const { build } = make();
    api.batchEnd = () => 'missing';
    await expect(build(batched())).rejects.toThrow('the batch batch-1 was failed');
    api.batchEnd = () => 'answer';
    api.batchStatus = () => 'completed';
    expect((await build(batched())).built).toBe(true);
    expect(api.batches).toHaveLength(7);
  });

  it('goes on with a batch that an earlier process sent', async () => {
    const expected = await clean();
    const { out, build } = make();
    api.batchPolls = Number.POSITIVE_INFINITY;
    // this "process" never hears of its batch again: it polls once an hour
    const stuck = build(batched({ batchPollSeconds: 3600 })).catch((error) => error);
    while (api.batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = make();
    cpSync(out, second.out, { recursive: true });
    rmSync(join(second.out, 'work', 'answers.lock'));
    api.batchPolls = 0;
    await second.build(batched());
    expect(finished(second.out)).toEqual(expected);
    expect(api.batches).toHaveLength(6);
    expect([...api.answered.values()].every((times) => times === 1)).toBe(true);
    void stuck;
  });

  it('finds a batch whose id was lost on the way', async () => {
    const { out, build } = make();
    api.batchStatus = () => 'failed';
    api.batchEnd = () => 'missing';
    await build(batched()).catch(() => {});
    const [name] = readdirSync(join(out, 'work')).filter((file) => file.startsWith('batches-'));
    const path = join(out, 'work', name!);
    const [entry] = JSON.parse(readFileSync(path, 'utf8'));
    delete entry.batch;
    entry.over = false;
    writeFileSync(path, JSON.stringify([entry]));
    // in truth it was answered
    api.batches[0]!.status = 'in_progress';
    api.batchStatus = () => 'completed';
    api.batchEnd = () => 'answer';
    await build(batched());
    expect(api.batches).toHaveLength(6);
    expect(lines(out).filter(({ stage }) => stage === 'statements')).toHaveLength(2);
  });

  it('is not read where its answers are half there', async () => {
    const expected = await clean();
    const { out, build } = make();
    let cut = 0;
    const files = api.files.get.bind(api.files);
    api.files.get = (name) => {
      const text = files(name);
      return name.endsWith('-output') && cut++ === 1 ? text!.slice(0, text!.length / 2) : text;
    };
    await build(batched());
    api.files.get = files;
    expect(finished(out)).toEqual(expected);
    expect(api.batches).toHaveLength(6);
  });
});
