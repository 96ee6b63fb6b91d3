import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadCharacter, NLI_LABELS, readTable } from '../../src/data/index.js';
import type { Progress } from '../../src/support/progress.js';
import { integerAt, randomKey, uniformAt } from '../../src/support/random.js';
import { failuresTable } from '../../src/teacher/failures.js';
import { AnswerStore } from '../../src/teacher/store.js';
import { type Asked, answerOf, FakeApi, type Fault } from '../helpers/fakeApi.js';
import { config, finished, KEY, lines, workshop } from './helpers.js';

const api = await FakeApi.start();
const make = workshop();
beforeEach(() => api.reset());

const failuresOf = (out: string) => readTable(join(out, 'failures.arrow'), failuresTable);

describe('a data set that an endpoint labels', () => {
  it('is one that loadCharacter takes, with rows that follow from the answers', async () => {
    const { out, build } = make();
    const result = await build(config(api.baseUrl));
    expect(result).toMatchObject({ built: true, waiting: null, merged: 1 });
    const { statements, queries, relevance, nli, dialogues } = loadCharacter(out);
    expect(statements.map(({ statementId, text }) => [statementId, text])).toEqual([
      ['s01', 'Ada likes apples.'],
      ['s02', 'Ada owns a grey cat.'],
      ['s03', 'Ada was born in 1912.'],
      ['s04', 'Ada was born in Harnby.'],
      ['s05', 'Ada repairs clocks.'],
    ]);
    const answers = lines(out);
    const count = (stage: string) => answers.filter((line) => line.stage === stage).length;
    const failures = failuresOf(out);
    const unverified = failures.filter(({ reason }) => reason === 'unverified').length;
    expect(result.asked.questions).toBe(answers.length);
    expect([count('statements'), count('queries'), count('verification')]).toEqual([2, 5, 15]);
    expect(count('responses')).toBe(15 - unverified);
    expect(count('relevance')).toBe(5 * 4);
    // three of each pair's own, and three others for each query of a statement
    expect(count('nli')).toBe(3 * (15 - unverified) + 5 * 9);

    for (const row of relevance!) {
      const query = queries.find(({ queryId }) => queryId === row.queryId)!;
      expect(row.split).toBe(query.split);
      expect(query.active.includes(row.statementId)).toBe(row.label === 1);
    }
    const texts = new Map(statements.map(({ statementId, text }) => [statementId, text]));
    for (const row of nli!) {
      expect(row.statement).toBe(texts.get(row.statementId));
      const content = `The fact: ${row.statement}\n\nThe line: ${row.query}\n\nThe reply: ${row.response}`;
      const { label } = answerOf('nli', [{ role: 'user', content }]) as { label: string };
      expect(NLI_LABELS[row.label]).toBe(label);
    }
    expect(new Set(nli!.map((row) => JSON.stringify(row))).size).toBe(nli!.length);
    expect(dialogues!.length).toBeGreaterThan(5);
    expect(dialogues!.every(({ response }) => response.startsWith('Indeed'))).toBe(true);
    expect(new Set(queries.map(({ split }) => split))).toEqual(new Set(['train', 'held-out']));
    // every response that is not labelled as it was written is a row, with its reason
    const disagreements = failures.filter(({ reason }) => reason === 'disagreement');
    expect(disagreements.length).toBeGreaterThan(0);
    expect(disagreements[0]!.detail).toMatch(/^written as (entailed|contradicted), labelled neutral$/);

    const report = readFileSync(join(out, 'report.md'), 'utf8');
    expect(report).toContain('| Ada likes apples. | Ada likes Apples. | 1.00 |');
    expect(report).toContain('### verification: unverified');
    const from = JSON.parse(readFileSync(join(out, 'provenance.json'), 'utf8'));
    expect(from.stages.nli).toMatchObject({
      teacher: { teacher: 'openai', model: 'fake' },
      prompt: { language: 'en', source: 'shipped' },
      temperature: 0,
      questions: count('nli'),
      failed: 0,
    });
    expect(from.document).toMatchObject({ name: 'ada.txt', paragraphs: 2 });
  });

  it('asks nothing the second time, and gives the same bytes', async () => {
    const { out, build } = make();
    await build(config(api.baseUrl));
    const [first, asked] = [finished(out), api.asked.length];
    const again = await build(config(api.baseUrl));
    expect(again.asked.questions).toBe(0);
    expect(api.asked).toHaveLength(asked);
    expect(finished(out)).toEqual(first);
  });

  it('asks each stage as it is configured', async () => {
    const { build } = make();
    const stages = { nli: { model: 'small', temperature: 0.5, maxTokens: 9 } };
    await build(config(api.baseUrl, {}, { stages }));
    const asked = (part: string) =>
      api.asked.filter(({ body }) => body.messages[0]!.content.includes(part)).map(({ body }) => body);
    for (const body of asked('what a reply by Ada says')) {
      expect(body).toMatchObject({ model: 'small', temperature: 0.5, max_tokens: 9 });
      expect(body.response_format?.json_schema).toMatchObject({ name: 'nli', strict: true });
    }
    for (const body of asked('three answers')) expect(body).toMatchObject({ model: 'fake', temperature: 1 });
    for (const body of asked('apart into facts'))
      expect(body).toMatchObject({ model: 'fake', temperature: 0 });
  });

  it('keeps to its bounds on requests at the same time', async () => {
    api.delayMs = 10;
    const { build } = make();
    await build(config(api.baseUrl, { concurrency: 3 }));
    expect(api.busy.most).toBe(3);
  });
});

describe('a changed prompt', () => {
  it('asks anew what depends on it, and nothing else', async () => {
    const { folder, build } = make();
    await build(config(api.baseUrl));
    const before = api.asked.length;
    const own = join(folder, 'prompts');
    const text = readFileSync('prompts/en/nli.md', 'utf8');
    mkdirSync(join(own, 'en'), { recursive: true });
    writeFileSync(
      join(own, 'en', 'nli.md'),
      text.replace('Judge by the reply alone', 'Go by the reply alone'),
    );
    const { asked, stages } = await build(config(api.baseUrl, {}, { prompts: own }));
    expect(asked.questions).toBe(stages.nli!.questions);
    const anew = api.asked.slice(before);
    expect(anew.every(({ body }) => body.messages[0]!.content.includes('Go by the reply alone'))).toBe(true);
  });
});

/** Faults of 30 % of the calls; each question gets at most 2 useless answers and 5 broken ones in its life. */
function unreliable(seed: number): (asked: Asked, number: number) => Fault | undefined {
  const useless = new Map<string, number>();
  const broken = new Map<string, number>();
  const kinds: Fault[] = [
    { kind: 'status', status: 429, headers: { 'retry-after': '0' } },
    { kind: 'status', status: 429, headers: { 'retry-after': new Date(0).toUTCString() } },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 503, headers: { 'retry-after-ms': '3' } },
    { kind: 'reset' },
    { kind: 'half body' },
    { kind: 'no JSON' },
    { kind: 'no completion' },
    { kind: 'stall' },
    { kind: 'drip', ms: 30 },
    { kind: 'filter' },
    { kind: 'refusal' },
    { kind: 'refusal in words' },
    { kind: 'text', text: '{"label": "perhaps"}' },
    { kind: 'text', text: '' },
  ];
  return ({ body }, number) => {
    const key = randomKey(seed, number);
    if (uniformAt(key, 0) >= 0.3) return undefined;
    const fault = kinds[integerAt(key, 1, kinds.length)]!;
    const counts = ['filter', 'refusal', 'refusal in words', 'text'].includes(fault.kind) ? useless : broken;
    const question = JSON.stringify(body.messages);
    const before = counts.get(question) ?? 0;
    if (before === (counts === useless ? 2 : 5)) return undefined;
    counts.set(question, before + 1);
    return fault;
  };
}

describe('an endpoint that fails 30 % of the calls', () => {
  it('changes no byte of the finished set, and answers nothing twice', async () => {
    const { out: clean, build: undisturbed } = make();
    await undisturbed(config(api.baseUrl));
    const calls = api.asked.length;
    api.reset();
    api.fault = unreliable(7);
    const { out, build } = make();
    await build(config(api.baseUrl, { timeoutSeconds: 0.75 }));
    expect(finished(out)).toEqual(finished(clean));
    expect(api.asked.length).toBeGreaterThan(calls * 1.25);
    expect(api.answered.size).toBe(calls);
    expect([...api.answered.values()].every((times) => times === 1)).toBe(true);
  });

  it('leaves rows with reasons where it stays useless, and --retry-failures asks these alone', async () => {
    const { out: clean, build: undisturbed } = make();
    await undisturbed(config(api.baseUrl));
    api.reset();
    const bad = new Map<string, Fault>();
    const faults: Fault[] = [
      { kind: 'filter' },
      { kind: 'refusal' },
      { kind: 'refusal in words' },
      { kind: 'text', text: 'one of {"label": "yes"} and {"label": "no"}' },
      { kind: 'cut off' },
      { kind: 'status', status: 400, error: { message: 'too hot', code: 'odd' } },
    ];
    api.fault = ({ body }, number) => {
      const question = JSON.stringify(body.messages);
      if (number > 1 && number % 7 === 0 && !bad.has(question))
        bad.set(question, faults[bad.size % faults.length]!);
      return bad.get(question);
    };
    const { out, build } = make();
    const first = await build(config(api.baseUrl));
    const rows = failuresOf(out);
    const reasons = new Set(rows.map(({ reason }) => reason));
    for (const reason of ['filtered', 'refused', 'malformed', 'too-long', 'rejected'] as const) {
      expect(reasons, reason).toContain(reason);
      expect(first.failures[reason]).toBeGreaterThan(0);
    }
    // filters, refusals and malformed answers are asked three times, the others once
    const times = (question: string) =>
      api.asked.filter(({ body }) => JSON.stringify(body.messages) === question);
    for (const [question, { kind }] of bad) {
      expect(times(question), kind).toHaveLength(['cut off', 'status'].includes(kind) ? 1 : 3);
    }
    // without the retry nothing is asked
    const [asked, before] = [api.asked.length, finished(out)];
    await build(config(api.baseUrl));
    expect(api.asked).toHaveLength(asked);
    expect(finished(out)).toEqual(before);

    api.fault = () => undefined;
    const known = new Set(
      lines(out)
        .filter(({ text }) => text !== undefined)
        .map(({ key }) => key),
    );
    const retried = new Set(rows.map(({ key }) => key));
    await build(config(api.baseUrl), { retryFailures: true });
    expect(finished(out)).toEqual(finished(clean));
    // what had an answer of use is asked again only where it is a failure's own (a label that disagrees)
    for (const { key } of lines(out).slice(asked)) expect(known.has(key) && !retried.has(key)).toBe(false);
  });

  it('stops where it fails for good, with what it has stored', async () => {
    api.fault = (_, number) => (number > 20 ? { kind: 'status', status: 500 } : undefined);
    const { out, build } = make();
    const settings = config(api.baseUrl, { attempts: 3, pauseSeconds: 0.1 });
    await expect(build(settings)).rejects.toThrow(/answered 500: .* \(3 times\)/);
    expect(lines(out)).toHaveLength(20);
    api.fault = () => undefined;
    await build(config(api.baseUrl));
    expect([...api.answered.values()].every((times) => times === 1)).toBe(true);
  });

  it('stores the answers that are on their way when it stops', async () => {
    const { out, build } = make();
    api.fault = (_, number) => {
      if (number === 12) return { kind: 'status', status: 401 };
      return number > 8 ? { kind: 'drip', ms: 200 } : undefined;
    };
    await expect(build(config(api.baseUrl, { concurrency: 4 }))).rejects.toThrow('answered 401');
    expect(lines(out).length).toBe([...api.answered.values()].length);
    expect(lines(out).length).toBeGreaterThan(9);
  });
});

describe('the key', () => {
  it('is sent, and nowhere else: not in files, notes, results or errors, even where the server echoes it', async () => {
    const said: string[] = [];
    const progress: Progress = {
      start: (what) => {
        said.push(what);
        return { update: (_, figures) => void said.push(JSON.stringify(figures)), stop() {} };
      },
      note: (text) => void said.push(text),
    };
    const { folder, build } = make();
    const error = { message: `the key ${KEY} is odd`, code: 'odd', param: KEY };
    api.fault = (_, number) => {
      if (number % 5 === 1) return { kind: 'status', status: 500, error };
      if (number % 5 === 2) return { kind: 'text', text: `no ${KEY} JSON` };
      if (number % 17 === 3) return { kind: 'status', status: 400, error };
      if (number % 23 === 4) return { kind: 'text', text: `{"label": "${KEY}"}` };
      return undefined;
    };
    api.answer = (stage, messages) =>
      stage === 'responses'
        ? { entailed: `Yes ${KEY} one`, neutral: `Well ${KEY} two`, contradicted: `No ${KEY} three` }
        : answerOf(stage, messages);
    said.push(JSON.stringify(await build(config(api.baseUrl), {}, progress)));
    api.fault = () => ({ kind: 'status', status: 401, error });
    const refused = await build(config(api.baseUrl, { model: 'other' }), {}, progress).catch((e) => e);
    expect(refused.message).toContain('answered 401: the key [key] is odd');
    said.push(refused.message, refused.remedy, refused.stack, String(refused.cause));

    expect(api.asked.every(({ authorization }) => authorization === `Bearer ${KEY}`)).toBe(true);
    expect(said.some((text) => text.includes('[key]'))).toBe(true);
    for (const text of said) expect(text).not.toContain(KEY);
    const files = (readdirSync(folder, { recursive: true }) as string[]).map((name) => join(folder, name));
    const written = files.filter((path) => statSync(path).isFile());
    expect(written.length).toBeGreaterThan(9);
    for (const path of written) expect(readFileSync(path).includes(KEY), path).toBe(false);
    expect(readFileSync(join(folder, 'ada', 'work', 'answers.jsonl'), 'utf8')).toContain('[key]');
  });

  it('is needed only where questions are asked, and named where it is missing', async () => {
    const { build } = make();
    await build(config(api.baseUrl));
    const settings = config(api.baseUrl, { keyFrom: 'NOT_THERE' });
    await expect(build(settings)).resolves.toMatchObject({ built: true });
    await expect(build(settings, { retryFailures: true })).rejects.toThrow('NOT_THERE is not set');
  });

  it('is not sent to an address that no key was named for', async () => {
    const { build } = make();
    process.env.OPENAI_API_KEY = KEY;
    try {
      await build(config(api.baseUrl, { keyFrom: undefined }));
    } finally {
      delete process.env.OPENAI_API_KEY;
    }
    expect(api.asked.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(api.asked.every(({ headers }) => !JSON.stringify(headers).includes(KEY))).toBe(true);
  });
});

describe('one folder', () => {
  it('is for one process at a time', async () => {
    api.delayMs = 20;
    const { build } = make();
    const [first, second] = await Promise.allSettled([
      build(config(api.baseUrl)),
      build(config(api.baseUrl)),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(String((second as PromiseRejectedResult).reason)).toMatch(
      /process \d+ on .* is building the data set/,
    );
    expect([...api.answered.values()].every((times) => times === 1)).toBe(true);
  });

  it('that holds a data set of another origin is left alone', async () => {
    const { folder, build } = make();
    writeFileSync(join(folder, 'split.json'), '{}');
    await expect(build(config(api.baseUrl), { out: folder, id: 'ada' })).rejects.toThrow('not built here');
  });
});

describe('shards', () => {
  const shardsOf = (n: number) => Array.from({ length: n }, (_, i) => ({ index: i + 1, count: n }));

  it('in one folder give the bytes of the undivided run, and ask nothing twice', async () => {
    const { out: clean, build: undivided } = make();
    await undivided(config(api.baseUrl));
    api.reset();
    const { out, build } = make();
    const settings = config(api.baseUrl);
    for (let round = 0; round < 3; round++) {
      const results = await Promise.all(shardsOf(3).map((shard) => build(settings, { shard })));
      expect(results.every(({ built }) => !built)).toBe(true);
    }
    const { asked } = await build(settings);
    expect(asked.questions).toBe(0);
    expect(finished(out)).toEqual(finished(clean));
    expect([...api.answered.values()].every((times) => times === 1)).toBe(true);
  });

  it('in folders of their own are merged', async () => {
    const { out: clean, build: undivided } = make();
    await undivided(config(api.baseUrl));
    api.reset();
    const { out, folder, build } = make();
    const settings = config(api.baseUrl);
    const outs = shardsOf(2).map(({ index }) => join(folder, `part-${index}`));
    for (let round = 0; round < 3; round++) {
      for (const [i, shard] of shardsOf(2).entries())
        await build(settings, { shard, out: outs[i]!, id: 'ada' });
      // each gets the other's answers by way of a folder that all of them are merged into
      for (const [i, shard] of shardsOf(2).entries()) {
        const store = await AnswerStore.open(join(outs[i]!, 'work'), shard);
        await store.takeOver(join(outs[1 - i]!, 'work'));
        await store.close();
      }
    }
    const asked = api.asked.length;
    await build(settings, { merge: outs });
    expect(api.asked).toHaveLength(asked);
    expect(finished(out)).toEqual(finished(clean));
    expect([...api.answered.values()].every((times) => times === 1)).toBe(true);
  });

  it('may wait for each other', async () => {
    const { out: clean, build: undivided } = make();
    await undivided(config(api.baseUrl));
    const { out, build } = make();
    await Promise.all(
      shardsOf(2).map((shard) => build(config(api.baseUrl), { shard, wait: true, pollMs: 20 })),
    );
    await build(config(api.baseUrl));
    expect(finished(out)).toEqual(finished(clean));
  });
});

describe('documents and answers that cannot be used', () => {
  it.each([
    ['an empty one', ' \n\n***\n', /the document says nothing/],
    ['one that is no text', Buffer.from([0x41, 0xff, 0x41]), /byte 1: not UTF-8/],
  ])('%s', async (_, content, message) => {
    const { document, build } = make();
    writeFileSync(document, content);
    await expect(build(config(api.baseUrl))).rejects.toThrow(message);
  });

  it('statements that do not name the character are rows with their reason', async () => {
    const { out, build } = make('She likes apples. Ada owns a cat. Ada is kind.');
    await build(config(api.baseUrl));
    expect(failuresOf(out).filter(({ reason }) => reason === 'unnamed')).toMatchObject([
      { stage: 'statements', statement: 'She likes apples.' },
    ]);
    const none = make('She likes apples.');
    await expect(none.build(config(api.baseUrl))).rejects.toThrow('no statements came out of');
  });
});

describe('other languages', () => {
  it.each([
    ['zh', '爱达', '爱达喜欢苹果。爱达有一只灰猫。\n\n爱达生于哈恩比。爱达修理钟表。', '。'],
    [
      'ja',
      'アダ',
      'アダはリンゴが好きだ。アダは灰色の猫を飼っている。\n\nアダはハーンビーで生まれた。',
      '。',
    ],
  ])('%s from the document to the rows', async (language, name, text, end) => {
    const { out, build } = make(text);
    await build(config(api.baseUrl), { language, name });
    const character = loadCharacter(out);
    expect(character).toMatchObject({ name, language });
    expect(character.statements.map((row) => row.text).join('')).toBe(text.replace('\n\n', ''));
    expect(character.statements.every((row) => row.text.endsWith(end))).toBe(true);
    expect(character.nli!.length).toBeGreaterThan(20);
    expect(character.relevance!.length).toBeGreaterThan(10);
    expect(api.asked.every(({ body }) => body.messages[0]!.content.includes(name))).toBe(true);
  });

  it('without prompts are refused', async () => {
    const { build } = make();
    await expect(build(config(api.baseUrl), { language: 'fr' })).rejects.toThrow(
      'no prompt for the stage statements in the language fr',
    );
  });
});
