import { beforeEach, describe, expect, it } from 'vitest';
import { buildDatasetConfigSchema, type EndpointSpec } from '../../src/config/teacher.js';
import { silent } from '../../src/support/progress.js';
import { createTeacher } from '../../src/teacher/create.js';
import { retryAfter } from '../../src/teacher/openai/failures.js';
import { Bucket, Pace, Slots } from '../../src/teacher/openai/pace.js';
import { nliAnswer } from '../../src/teacher/stages/answers.js';
import type { Teacher, TeacherRequest } from '../../src/teacher/teacher.js';
import { FakeApi, type Fault } from '../helpers/fakeApi.js';
import { config, ENVIRONMENT } from './helpers.js';

const api = await FakeApi.start();
beforeEach(() => {
  api.reset();
  api.answer = () => ({ label: 'neutral' });
});

const teacher = (options: object = {}): Promise<Teacher> =>
  createTeacher(config(api.baseUrl, options).teacher, {
    environment: ENVIRONMENT,
    folder: '.',
    progress: silent,
    locate: (path) => ({ path }),
  });

const request = (content: string): TeacherRequest => ({
  stage: 'nli',
  prompt: { language: 'en', version: '1' },
  variables: {},
  messages: [{ role: 'system', content }],
  temperature: 0,
  maxTokens: 16,
  answer: nliAnswer,
  repetition: 0,
});

const shapes = () => api.asked.map(({ body }) => body.response_format?.type ?? 'text');

describe('structured answers', () => {
  const refuses = (...types: string[]) => {
    api.fault = ({ body }): Fault | undefined =>
      types.includes(body.response_format?.type ?? 'text')
        ? { kind: 'status', status: 400, error: { message: 'response_format is not supported' } }
        : undefined;
  };

  it('are asked for by JSON schema', async () => {
    await (await teacher()).ask(request('a'));
    expect(api.asked[0]!.body.response_format?.json_schema).toEqual({
      name: 'nli',
      strict: true,
      schema: {
        type: 'object',
        properties: { label: { type: 'string', enum: ['contradicted', 'neutral', 'entailed'] } },
        required: ['label'],
        additionalProperties: false,
      },
    });
  });

  it('are asked for as the endpoint can, which is found out once', async () => {
    refuses('json_schema', 'json_object');
    const asking = await teacher();
    const replies = await Promise.all(['a', 'b', 'c', 'd'].map((content) => asking.ask(request(content))));
    expect(replies.every((reply) => 'text' in reply)).toBe(true);
    expect(shapes()).toEqual(['json_schema', 'json_object', 'text', 'text', 'text', 'text']);
  });

  it('are not given up where they are configured, nor once they have worked', async () => {
    refuses('json_schema');
    const reply = await (await teacher({ structured: 'json_schema' })).ask(request('a'));
    expect(reply).toMatchObject({ failure: 'rejected', detail: '400: response_format is not supported' });
    api.reset();
    const asking = await teacher();
    await asking.ask(request('a'));
    refuses('json_schema');
    expect(await asking.ask(request('b'))).toMatchObject({ failure: 'rejected' });
    expect(shapes()).toEqual(['json_schema', 'json_schema']);
  });

  it('have their length limited under the name that the model takes', async () => {
    api.fault = ({ body }) =>
      body.max_tokens === undefined
        ? undefined
        : {
            kind: 'status',
            status: 400,
            error: { message: "Use 'max_completion_tokens' instead.", param: 'max_tokens' },
          };
    const asking = await teacher();
    await asking.ask(request('a'));
    await asking.ask(request('b'));
    expect(api.asked.map(({ body }) => [body.max_tokens, body.max_completion_tokens])).toEqual([
      [16, undefined],
      [undefined, 16],
      [undefined, 16],
    ]);
  });
});

describe('what goes wrong', () => {
  const once = (fault: Fault) => {
    api.fault = (_, number) => (number === 1 ? fault : undefined);
  };

  it('is waited for as long as the server says, in seconds', async () => {
    once({ kind: 'status', status: 429, headers: { 'retry-after': '1' } });
    await (await teacher()).ask(request('a'));
    expect(api.asked[1]!.at - api.asked[0]!.at).toBeGreaterThanOrEqual(990);
  });

  it('is waited for as long as the server says, as a date, by all', async () => {
    const asking = await teacher();
    await asking.ask(request('first'));
    const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    api.fault = (_, number) =>
      number === 2
        ? { kind: 'status', status: 503, headers: { 'retry-after': date.toUTCString() } }
        : undefined;
    const early = asking.ask(request('a'));
    while (api.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await asking.ask(request('b'));
    await early;
    expect(Date.now()).toBeGreaterThanOrEqual(date.getTime() - 10);
    expect(api.asked.slice(2).every(({ at }) => at - api.asked[1]!.at > 400)).toBe(true);
  });

  it('is not waited for longer than is bearable', async () => {
    once({ kind: 'status', status: 429, headers: { 'retry-after': '7200' } });
    await expect((await teacher()).ask(request('a'))).rejects.toThrow('it wants us to wait 7200 s');
  });

  it('is retried with longer and longer pauses, and given up', async () => {
    api.fault = () => ({ kind: 'status', status: 502 });
    await expect((await teacher({ attempts: 5, pauseSeconds: 0.02 })).ask(request('a'))).rejects.toThrow(
      /answered 502: .* \(5 times\)/,
    );
    const times = api.asked.map(({ at }) => at);
    expect(times).toHaveLength(5);
    // 160 ms, spread from half to one and a half
    expect(times[4]! - times[3]!).toBeGreaterThanOrEqual(75);
  });

  it.each<[string, Fault]>([
    ['a body that stalls', { kind: 'stall' }],
    ['a body that drips for too long', { kind: 'drip', ms: 1500 }],
  ])('%s is cut off', async (_, fault) => {
    once(fault);
    const begin = Date.now();
    expect(await (await teacher({ timeoutSeconds: 0.3 })).ask(request('a'))).toHaveProperty('text');
    expect(Date.now() - begin).toBeLessThan(1400);
    expect(api.asked).toHaveLength(2);
  });

  it.each([
    [401, {}, 'check the key'],
    [403, {}, 'check the key'],
    [404, {}, 'check teacher.baseUrl'],
    [402, {}, 'no means left'],
    [429, { code: 'insufficient_quota' }, 'no means left'],
  ])('status %i %o stops at once, with a remedy', async (status, error, remedy) => {
    api.fault = () => ({ kind: 'status', status, error: { message: 'sorry', ...error } });
    const refused = await (await teacher()).ask(request('a')).catch((e) => e);
    expect(`${refused.message} ${refused.remedy}`).toContain(`answered ${status}: sorry`);
    expect(refused.remedy).toContain(remedy);
    expect(api.asked).toHaveLength(1);
  });

  it('is a row where the endpoint refuses one request, and an error where it refuses all', async () => {
    const asking = await teacher();
    once({ kind: 'status', status: 400, error: { message: 'maximum context length is 8', code: null } });
    expect(await asking.ask(request('a'))).toMatchObject({ failure: 'too-long' });
    api.fault = () => ({
      kind: 'status',
      status: 400,
      error: { message: 'flagged', code: 'content_filter' },
    });
    expect(await asking.ask(request('b'))).toMatchObject({ failure: 'filtered' });
    const more = await Promise.allSettled(
      ['c', 'd', 'e', 'f'].map((content) => asking.ask(request(content))),
    );
    expect(more.some(({ status }) => status === 'rejected')).toBe(true);
  });

  it('is a row where the endpoint cannot bear one request, and others are answered', async () => {
    api.fault = ({ body }) =>
      body.messages[0]!.content === 'poison' ? { kind: 'status', status: 500 } : undefined;
    const asking = await teacher({ attempts: 3, pauseSeconds: 0.02 });
    await asking.ask(request('a'));
    const poisoned = asking.ask(request('poison'));
    let done = false;
    void poisoned.finally(() => {
      done = true;
    });
    for (let i = 0; !done; i++) await asking.ask(request(`other ${i}`));
    expect(await poisoned).toMatchObject({
      failure: 'rejected',
      detail: expect.stringContaining('(3 times)'),
    });
  });

  it('cannot be mended where nobody listens', async () => {
    const nobody = { baseUrl: 'http://127.0.0.1:9', attempts: 2 };
    await expect((await teacher(nobody)).ask(request('a'))).rejects.toThrow(/no connection to 127.0.0.1:9/);
  });

  it('is not waited for when the question is called off; an answer on its way is', async () => {
    const stop = new AbortController();
    const asking = await teacher({ concurrency: 2, pauseSeconds: 60 });
    await asking.ask(request('first'));
    api.fault = ({ body }) =>
      body.messages[0]!.content === 'slow' ? { kind: 'drip', ms: 300 } : { kind: 'status', status: 500 };
    const [slow, retried, inLine] = ['slow', 'retried', 'in line'].map((content) =>
      asking.ask(request(content), stop.signal),
    );
    while (api.asked.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 30));
    stop.abort(new Error('enough'));
    await expect(retried).rejects.toThrow();
    await expect(inLine).rejects.toThrow('enough');
    expect(await slow).toHaveProperty('text');
    expect(api.asked).toHaveLength(3);
  });
});

it('the wish of Retry-After', () => {
  const of = (value: string) => retryAfter(new Headers({ 'retry-after': value }));
  expect(of('3')).toBe(3000);
  expect(of('0.5')).toBe(500);
  expect(of('Fri, 31 Dec 1999 23:59:59 GMT')).toBe(0);
  expect(of(new Date(Date.now() + 60_000).toUTCString())).toBeGreaterThan(58_000);
  expect(of('soon')).toBeUndefined();
  expect(retryAfter(new Headers({ 'retry-after-ms': '250', 'retry-after': '3' }))).toBe(250);
  expect(retryAfter(new Headers())).toBeUndefined();
});

describe('limits', () => {
  it('of a bucket: as many as it refills, and debts are paid off', () => {
    let now = 0;
    const bucket = new Bucket(120, () => now);
    // two a second
    expect([bucket.take(1), bucket.take(1)]).toEqual([0, 0]);
    expect(bucket.take(1)).toBeCloseTo(500, 6);
    now += 500;
    expect(bucket.take(1)).toBe(0);
    // more than it ever holds: once it is full, and then in debt
    now += 1000;
    expect(bucket.take(10)).toBe(0);
    expect(bucket.take(1)).toBeCloseTo(4500, 6);
    bucket.correct(8);
    expect(bucket.take(1)).toBeCloseTo(500, 6);
    now += 60_000;
    let taken = 0;
    for (let minute = now + 60_000; now < minute; now += 100) while (bucket.take(1) === 0) taken++;
    expect(taken).toBeLessThanOrEqual(122);
    expect(taken).toBeGreaterThanOrEqual(119);
  });

  it('hold for requests sent at the same time', async () => {
    const asking = await teacher({ requestsPerMinute: 1200, concurrency: 50 });
    await Promise.all(Array.from({ length: 40 }, (_, i) => asking.ask(request(`${i}`))));
    const times = api.asked.map(({ at }) => at).sort((a, b) => a - b);
    // 20 at once, then one each 50 ms
    expect(times[39]! - times[0]!).toBeGreaterThanOrEqual(900);
    expect(times[19]! - times[0]!).toBeLessThan(900);
  });

  it('count tokens as they were used, not as they were set aside', async () => {
    // a request sets aside its prompt and 16 tokens; the server says that it used 120
    const asking = await teacher({ tokensPerMinute: 60_000, concurrency: 50 });
    await Promise.all(Array.from({ length: 20 }, (_, i) => asking.ask(request(`${i}`))));
    const times = api.asked.map(({ at }) => at).sort((a, b) => a - b);
    // twenty use 2400 tokens: 1000 are there at first, and 1000 come each second
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(1000);
  });

  it('let those in line pass in turn, also after one has been called off', async () => {
    const pace = new Pace({ requestsPerMinute: 600 });
    const stop = new AbortController();
    const order: number[] = [];
    for (let i = 0; i < 10; i++) await pace.pass(1);
    const passes = [0, 1, 2].map((i) =>
      pace.pass(1, i === 1 ? stop.signal : undefined).then(
        () => void order.push(i),
        () => void order.push(-i),
      ),
    );
    stop.abort();
    await Promise.all(passes);
    expect(order).toEqual([0, -1, 2]);
  });

  it('of slots', async () => {
    const slots = new Slots(2);
    let [now, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now--;
      if (most === 2) throw new Error('fails');
    };
    await Promise.allSettled(Array.from({ length: 9 }, () => slots.run(work)));
    expect([now, most]).toEqual([0, 2]);
  });
});

describe('the configuration of an endpoint', () => {
  const problem = (teacher: Partial<EndpointSpec> & { model: string }) =>
    buildDatasetConfigSchema.safeParse({ teacher: { kind: 'openai', ...teacher } }).error?.issues[0]?.message;

  it.each([
    [{ baseUrl: 'localhost:8000' }, /is no address/],
    [{ baseUrl: 'http://me:secret@localhost:8000/v1' }, /keys come from the environment/],
    [{ keyFrom: 'sk-abc' }, /not a key/],
    [{ timeoutSeconds: 900 }, /300/],
    [{ parameters: { stream: true } }, /set elsewhere/],
  ])('%o is refused', (teacher, message) => {
    expect(problem({ model: 'm', ...teacher })).toMatch(message);
  });
});
