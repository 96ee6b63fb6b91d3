import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Lock } from '../../src/support/lock.js';
import { shardOf } from '../../src/teacher/asker.js';
import { choose, textKey } from '../../src/teacher/choose.js';
import { requestKey } from '../../src/teacher/key.js';
import { mergeStatements } from '../../src/teacher/merge.js';
import { paragraphsOf } from '../../src/teacher/paragraphs.js';
import { loadPrompts } from '../../src/teacher/prompts.js';
import { Secret } from '../../src/teacher/secret.js';
import { nliAnswer, queriesAnswer } from '../../src/teacher/stages/answers.js';
import { namesCharacter } from '../../src/teacher/stages/statements.js';
import { AnswerStore } from '../../src/teacher/store.js';
import { STAGES, type TeacherReply, type TeacherRequest } from '../../src/teacher/teacher.js';
import { estimateTokens } from '../../src/teacher/tokens.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();

describe('paragraphs', () => {
  it('are split at blank lines', () => {
    expect(paragraphsOf('\uFEFFa b\nc\r\n \t\r\nd\r\n\r\n\r\n---\n\n e ', 99)).toEqual(['a b\nc', 'd', 'e']);
  });

  it('that are too long are cut between sentences, and nothing is lost', () => {
    const text = 'Ada went (in May). She saw Dr. Who! "Never!" she said… 爱达来了。她走了。 End';
    for (let longest = 4; longest < 70; longest++) {
      const parts = paragraphsOf(text, longest);
      expect(parts.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
      expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(longest);
    }
    expect(paragraphsOf('One two. Three four! Five', 12)).toEqual(['One two.', 'Three four!', 'Five']);
    expect(paragraphsOf('爱达喜欢苹果。爱达修理钟表。', 8)).toEqual(['爱达喜欢苹果。', '爱达修理钟表。']);
    expect(paragraphsOf('𠮷'.repeat(9), 5)).toEqual([...Array(4).fill('𠮷𠮷'), '𠮷']);
  });
});

describe('near-duplicate statements', () => {
  const kept = (...texts: string[]) => mergeStatements(texts, 0.7).kept;

  it('are merged into the first', () => {
    expect(
      mergeStatements(
        [
          'Ada lives in the old mill by the river Thorn.',
          'Ada lives in the old mill by the river Thorn',
          'Ada lives in an old mill by the river Thorn.',
        ],
        0.7,
      ),
    ).toMatchObject({
      kept: ['Ada lives in the old mill by the river Thorn.'],
      merges: [{ similarity: 1 }, { dropped: 'Ada lives in an old mill by the river Thorn.' }],
    });
    expect(kept('爱达住在河边的旧磨坊里。', '爱达住在河边旧磨坊里。')).toHaveLength(1);
    expect(
      kept('アダは川辺の古い水車小屋に住んでいる。', 'アダは川辺の古い水車小屋に住んでいます。'),
    ).toHaveLength(1);
  });

  it.each([
    ['Ada was born in the spring of 1912.', 'Ada was born in the spring of 1921.'],
    ['Ada believes that geese are kind animals.', 'Ada never believes that geese are kind animals.'],
    ['Ada did like the old mill by the river.', "Ada didn't like the old mill by the river."],
    ['爱达喜欢住在河边的旧磨坊里。', '爱达不喜欢住在河边的旧磨坊里。'],
    ['爱达在河边的旧磨坊里住了三年。', '爱达在河边的旧磨坊里住了五年。'],
    ['アダは川辺の古い水車小屋が好きで、毎日行く。', 'アダは川辺の古い水車小屋が好きで、毎日行かない。'],
  ])('are not: %s | %s', (a, b) => {
    expect(kept(a, b)).toHaveLength(2);
  });
});

it('a character is named by the whole name or a part that is a name', () => {
  expect(namesCharacter('Beethoven was born in Bonn.', 'Ludwig van Beethoven')).toBe(true);
  expect(namesCharacter('A van stood there.', 'Ludwig van Beethoven')).toBe(false);
  expect(namesCharacter('He was born in Bonn.', 'Ludwig van Beethoven')).toBe(false);
  expect(namesCharacter('爱丽丝喜欢猫。', '爱丽丝·里德尔')).toBe(true);
  expect(namesCharacter('她喜欢猫。', '爱丽丝·里德尔')).toBe(false);
  expect(namesCharacter('quill is a robot.', 'quill')).toBe(true);
});

it('choices depend on what there is, not on its order, and change little with another candidate', () => {
  const all = Array.from({ length: 50 }, (_, i) => ({ key: textKey(`statement ${i}`), i }));
  const chosen = choose(7, all, 5).map(({ i }) => i);
  expect(choose(7, [...all].reverse(), 5).map(({ i }) => i)).toEqual(chosen);
  expect(choose(8, all, 5).map(({ i }) => i)).not.toEqual(chosen);
  const fewer = choose(
    7,
    all.filter(({ i }) => i !== chosen[2]),
    5,
  ).map(({ i }) => i);
  expect(fewer.slice(0, 4)).toEqual(chosen.filter((i) => i !== chosen[2]));
});

it('shards share what there is about evenly', () => {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) counts[shardOf(`text ${i}`, 4) - 1]!++;
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
});

it('tokens are estimated by script', () => {
  expect(estimateTokens('Ada repairs clocks in Harnby, as her mother did.')).toBe(12);
  expect(estimateTokens('爱达修理钟表。')).toBe(7);
});

describe('the key of an answer', () => {
  const request: TeacherRequest = {
    stage: 'nli',
    prompt: { language: 'en', version: '1' },
    variables: { a: 'b' },
    messages: [{ role: 'user', content: 'x' }],
    temperature: 0,
    maxTokens: 5,
    answer: nliAnswer,
    repetition: 0,
  };
  const identity = { teacher: 'openai', model: 'm' };

  it('is of everything that the answer depends on', () => {
    const keys = [
      requestKey(request, identity),
      requestKey(request, { ...identity, model: 'n' }),
      ...[
        { stage: 'relevance' as const },
        { messages: [{ role: 'user' as const, content: 'y' }] },
        { messages: [{ role: 'system' as const, content: 'x' }] },
        { temperature: 1 },
        { maxTokens: 6 },
        { repetition: 1 },
        { answer: queriesAnswer(3) },
      ].map((change) => requestKey({ ...request, ...change }, identity)),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.every((key) => /^[0-9a-f]{64}$/.test(key))).toBe(true);
  });

  it('is not of anything else', () => {
    const same = { ...request, prompt: { language: 'en', version: '2' }, variables: {} };
    expect(requestKey(same, { model: 'm', teacher: 'openai' })).toBe(requestKey(request, identity));
  });
});

describe('the store', () => {
  const reply: TeacherReply = { text: 'ok', usage: { promptTokens: 1, completionTokens: 2 } };

  it('drops half a line, and goes on after whole ones', async () => {
    const folder = temporary();
    let store = await AnswerStore.open(folder);
    await Promise.all(
      ['a', 'b', 'c'].map((key) => store.append(key, 'nli', { ...reply, text: `猫 ${key}` })),
    );
    await store.close();
    const path = join(folder, 'answers.jsonl');
    const whole = readFileSync(path, 'utf8');
    for (const cut of [1, 40, 70]) {
      writeFileSync(path, whole + whole.slice(0, cut));
      store = await AnswerStore.open(folder);
      expect([store.size, store.damaged]).toEqual([3, 0]);
      await store.append('d', 'nli', reply);
      await store.close();
      store = await AnswerStore.open(folder);
      expect([store.size, store.get('b')?.reply, store.get('d')?.tries]).toEqual([
        4,
        { ...reply, text: '猫 b' },
        1,
      ]);
      await store.close();
    }
  });

  it('counts what is no answer, and the last of several counts', async () => {
    const folder = temporary();
    let store = await AnswerStore.open(folder);
    await store.append('a', 'nli', { failure: 'refused', detail: 'no', usage: reply.usage });
    await store.close();
    appendFileSync(join(folder, 'answers.jsonl'), '\0\0\0\n{"key": 3}\n');
    store = await AnswerStore.open(folder);
    await store.append('a', 'nli', reply);
    expect(store.damaged).toBe(2);
    expect(store.get('a')).toEqual({ stage: 'nli', reply, tries: 2 });
    store.refresh();
    expect(store.get('a')?.tries).toBe(2);
    await store.close();
  });

  it('does not run for the whole and for a part at the same time', async () => {
    const folder = temporary();
    const part = await AnswerStore.open(folder, { index: 1, count: 2 });
    const other = await AnswerStore.open(folder, { index: 2, count: 2 });
    await expect(AnswerStore.open(folder)).rejects.toThrow(/is building the data set/);
    await Promise.all([part.close(), other.close()]);
    const whole = await AnswerStore.open(folder);
    await expect(AnswerStore.open(folder, { index: 1, count: 2 })).rejects.toThrow(/is building/);
    await whole.close();
  });
});

describe('a lock', () => {
  const held = (host: string, pid: number) => `{"host":"${host}","pid":${pid},"mark":"x"}\n`;

  it('of a process that is gone is taken over, of one elsewhere not', async () => {
    const { hostname } = await import('node:os');
    const path = join(temporary(), 'lock');
    writeFileSync(path, held(hostname(), 2 ** 22 + 1));
    const lock = Lock.take(path, 'works here');
    expect(refusal(() => Lock.take(path, 'works here'))).toMatch(/works here .* remove/);
    lock.release();
    writeFileSync(path, held('elsewhere', 1));
    expect(refusal(() => Lock.take(path, 'works here'))).toContain('process 1 on elsewhere works here');
    const { utimesSync } = await import('node:fs');
    utimesSync(path, 0, 0);
    Lock.take(path, 'works here').release();
    // one of this process's number that it does not hold is of an earlier process
    writeFileSync(path, held(hostname(), process.pid));
    Lock.take(path, 'works here').release();
  });
});

describe('prompts', () => {
  it.each(['en', 'zh', 'ja'])('in %s are there for every stage, and use its variables', (language) => {
    const prompts = loadPrompts(language);
    for (const stage of STAGES) {
      const variables = {
        name: '{{query}}',
        paragraph: 'P1',
        statement: 'S1',
        query: 'Q1',
        response: 'R1',
        count: 7,
      };
      const [system, user] = prompts[stage].fill(variables);
      expect([system!.role, user!.role]).toEqual(['system', 'user']);
      // a name that looks like a variable stays what it is
      expect(system!.content).toContain('{{query}}');
      expect(`${system!.content}${user!.content}`.replaceAll('{{query}}', '')).not.toMatch(/\{\{|\}\}/);
      expect(prompts[stage].version).toMatch(/^1\+[0-9a-f]{12}$/);
      const word = { statements: 'P1', queries: 'S1', nli: 'R1' }[stage as string] ?? 'Q1';
      expect(user!.content).toContain(word);
    }
    // labels are the same words in every language
    for (const label of ['"entailed"', '"neutral"', '"contradicted"']) {
      expect(
        JSON.stringify(prompts.nli.fill({ name: 'n', statement: 's', query: 'q', response: 'r' })).replaceAll(
          '\\',
          '',
        ),
      ).toContain(label);
    }
  });

  const own = (text: string, file = 'nli.md') => {
    const folder = temporary();
    mkdirSync(join(folder, 'en'));
    writeFileSync(join(folder, 'en', file), text);
    return folder;
  };
  const text = readFileSync('prompts/en/nli.md', 'utf8');

  it('of one’s own replace those that come along', () => {
    const prompts = loadPrompts('en', own(text.replace('# system', '# system\nBe brief.')));
    expect([prompts.nli.source, prompts.queries.source]).toEqual(['own', 'shipped']);
    expect(prompts.nli.version).not.toBe(loadPrompts('en').nli.version);
  });

  it.each([
    ['an unknown variable', text.replace('{{response}}', '{{response}} {{mood}}'), /uses {{mood}}/],
    [
      'a variable of another stage',
      text.replace('response: text', 'response: text, count: number'),
      /no variable count/,
    ],
    ['a missing variable', text.replace(', response: text', ''), /response is missing/],
    ['a variable that is not used', text.replace('{{response}}', ''), /never uses {{response}}/],
    ['a wrong type', text.replace('response: text', 'response: number'), /response is a text, not a number/],
    ['another stage', text.replace('stage: nli', 'stage: queries'), /:\d+: is for queries/],
    ['no version', text.replace('version: 1\n', ''), /version: /],
    ['an unknown key', text.replace('version: 1', 'version: 1\nmodel: x'), /unknown key model/],
    ['no front matter', 'Hello {{name}}', /front matter/],
    ['no user', text.replace('# user', '# human'), /no part "# user"/],
  ])('with %s are refused', (_, broken, message) => {
    expect(refusal(() => loadPrompts('en', own(broken)))).toMatch(message);
  });

  it('of a stage that does not exist are refused', () => {
    expect(refusal(() => loadPrompts('en', own(text, 'inference.md')))).toContain(
      'no stage is called inference.md',
    );
    expect(refusal(() => loadPrompts('en', '/nowhere'))).toContain('folder of prompts not found');
  });
});

it('a key is kept from texts, a placeholder is not', () => {
  expect(new Secret('sk-long-enough').redact('a sk-long-enough b')).toBe('a [key] b');
  expect(new Secret('EMPTY').redact('an EMPTY room')).toBe('an EMPTY room');
  expect(JSON.stringify(new Secret('sk-long-enough'))).toBe('{}');
});
