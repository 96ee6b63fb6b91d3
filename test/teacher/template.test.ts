import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  nliAnswer,
  queriesAnswer,
  relevanceAnswer,
  responsesAnswer,
  statementsAnswer,
} from '../../src/teacher/stages/answers.js';
import type { Stage } from '../../src/teacher/teacher.js';
import { chinese } from '../../src/teacher/template/chinese.js';
import { english } from '../../src/teacher/template/english.js';
import { japanese } from '../../src/teacher/template/japanese.js';
import { Draw, type LanguageRules } from '../../src/teacher/template/rules.js';
import { templateTeacher } from '../../src/teacher/template/template.js';

const ANSWERS: Record<Stage, z.ZodType> = {
  statements: statementsAnswer,
  queries: queriesAnswer(3),
  verification: relevanceAnswer,
  relevance: relevanceAnswer,
  responses: responsesAnswer,
  nli: nliAnswer,
};

const RULES: Record<string, LanguageRules> = { en: english, zh: chinese, ja: japanese };

async function ask<T>(
  stage: Stage,
  language: string,
  variables: Record<string, string>,
  repetition = 0,
): Promise<T> {
  const reply = await templateTeacher().ask({
    stage,
    prompt: { language, version: '1' },
    variables,
    messages: [],
    temperature: 0,
    maxTokens: 100,
    answer: ANSWERS[stage],
    repetition,
  });
  if (!('text' in reply)) throw new Error(reply.detail);
  return ANSWERS[stage].parse(JSON.parse(reply.text)) as T;
}

const statements = async (language: string, name: string, paragraph: string) =>
  (await ask<z.infer<typeof statementsAnswer>>('statements', language, { name, paragraph })).statements;
const spoken = (language: string, name: string, statement: string, repetition = 0) =>
  ask<z.infer<typeof responsesAnswer>>('responses', language, { name, statement, query: 'Who?' }, repetition);
/** As spoken, without the small talk before it. */
async function responses(language: string, name: string, statement: string, repetition = 0) {
  const { openers, space } = RULES[language]!;
  const said = await spoken(language, name, statement, repetition);
  const bare = (text: string) => {
    const opener = openers.find((one) => text.startsWith(one + space));
    if (opener === undefined) throw new Error(`no opener: ${text}`);
    return text.slice(opener.length + space.length);
  };
  return {
    entailed: bare(said.entailed),
    neutral: bare(said.neutral),
    contradicted: bare(said.contradicted),
  };
}
const nli = async (language: string, name: string, statement: string, response: string) =>
  (await ask<{ label: string }>('nli', language, { name, statement, query: 'Who?', response })).label;
const relevance = async (language: string, name: string, statement: string, query: string) =>
  (await ask<{ label: string }>('relevance', language, { name, statement, query })).label;

describe('statements by rules', () => {
  it('are the sentences that name the character, a leading pronoun replaced', async () => {
    const paragraph =
      'Early years\nIris Vale was born in Torbeck in 1921. She learned to mend clocks from Dr. Amos Vale, ' +
      'her uncle. The town had three bridges. He died young. In 1950, Vale opened a shop. Her shop sold radios too.';
    expect(await statements('en', 'Iris Vale', paragraph)).toEqual([
      'Iris Vale was born in Torbeck in 1921.',
      'Iris Vale learned to mend clocks from Dr. Amos Vale, her uncle.',
      'In 1950, Vale opened a shop.',
      "Iris Vale's shop sold radios too.",
    ]);
  });

  it('take the lines of a profile', async () => {
    const paragraph = 'Name: Iris Vale\nAge: 52\nHobbies: Walks, tea and maps. She never travels.';
    expect(await statements('en', 'Iris Vale', paragraph)).toEqual([
      "Iris Vale's age: 52.",
      "Iris Vale's hobbies: Walks, tea and maps.",
      'Iris Vale never travels.',
    ]);
    expect(
      await statements('zh', '林溪', '姓名：林溪\n年龄：26岁。\n爱好：喜欢画画。她也常去山里。'),
    ).toEqual(['林溪的年龄：26岁。', '林溪的爱好：喜欢画画。', '林溪也常去山里。']);
  });

  it('are found in Chinese and Japanese', async () => {
    expect(await statements('zh', '林溪', '林溪出生在昆明。她喜欢弹吉他。那座城市很大。他很高。')).toEqual([
      '林溪出生在昆明。',
      '林溪喜欢弹吉他。',
    ]);
    expect(
      await statements('ja', '篠原葵', '篠原葵は長野で生まれた。彼女は山が好きだ。町は静かだ。'),
    ).toEqual(['篠原葵は長野で生まれた。', '篠原葵は山が好きだ。']);
  });

  it('leave out what is about somebody of the same family, and what is no sentence', async () => {
    expect(
      await statements(
        'en',
        'Iris Vale',
        'The uncle, Amos Vale, kept bees. The Vale House stood there. Iris Vale',
      ),
    ).toEqual([]);
  });
});

describe('responses by rules', () => {
  it('turn the statement to the first person', async () => {
    const cases: [string, string][] = [
      ['Iris Vale lives with her sister.', 'I live with my sister.'],
      ['Iris has a dog, and she walks it herself.', 'I have a dog, and I walk it myself.'],
      ['Vale often teaches children.', 'I often teach children.'],
      ["Iris Vale's shop is small.", 'My shop is small.'],
      ['Amos gave Iris a clock.', 'Amos gave me a clock.'],
      ['Her neighbours like her.', 'My neighbours like me.'],
    ];
    for (const [statement, said] of cases) {
      expect((await responses('en', 'Iris Vale', statement)).entailed).toBe(said);
    }
    expect((await responses('zh', '林溪', '林溪喜欢弹吉他，她每天都弹。')).entailed).toBe(
      '我喜欢弹吉他，我每天都弹。',
    );
    expect((await responses('ja', '篠原葵', '篠原葵は京都に住んでいます。')).entailed).toBe(
      '私は京都に住んでいます。',
    );
  });

  it('contradict by one change: a number, an antonym, a place, a negation', async () => {
    const of = async (language: string, name: string, statement: string) => {
      const said = await Promise.all(
        [0, 1, 2, 3, 4, 5, 6, 7].map((i) => responses(language, name, statement, i)),
      );
      return new Set(said.map(({ contradicted }) => contradicted));
    };
    for (const text of await of('en', 'Iris Vale', 'Iris Vale moved to Torbeck in 1921.')) {
      expect(text).toMatch(/^I moved to (?!Torbeck in 1921)\w+ in \d+\.$/);
    }
    expect(await of('en', 'Iris Vale', 'Iris Vale loves rain.')).toEqual(new Set(['I hate rain.']));
    expect(await of('en', 'Iris Vale', 'Iris Vale was tired.')).toEqual(new Set(['I was not tired.']));
    expect(await of('en', 'Iris Vale', 'Iris Vale is not tired.')).toEqual(new Set(['I am tired.']));
    expect(await of('en', 'Iris Vale', 'Iris Vale sells radios.')).toEqual(new Set(['I never sell radios.']));
    expect(await of('zh', '林溪', '林溪是画家。')).toEqual(new Set(['我不是画家。']));
    expect(await of('ja', '篠原葵', '篠原葵は京都に行きます。')).toEqual(new Set(['私は京都に行きません。']));
  });

  it('vary the neutral one, and are the same each time', async () => {
    const first = await Promise.all(
      Array.from({ length: 30 }, (_, i) => responses('en', 'Iris Vale', `Iris Vale owns ${i} clocks.`)),
    );
    expect(new Set(first.map(({ neutral }) => neutral)).size).toBeGreaterThan(12);
    expect(await responses('en', 'Iris Vale', 'Iris Vale owns 3 clocks.')).toEqual(first[3]);
  });
});

describe('small talk', () => {
  it.each(Object.entries(RULES))('negates nothing, gives no number, and varies (%s)', (_, rules) => {
    for (const opener of rules.openers) {
      expect(rules.negations(opener), opener).toBe(0);
      expect(opener).not.toMatch(/\d/);
    }
    const scenes = Array.from({ length: 100 }, (_, i) => rules.scene(new Draw(i)));
    for (const scene of scenes) expect(rules.negations(scene), scene).toBe(0);
    expect(new Set(scenes).size).toBeGreaterThan(95);
  });
});

describe('queries by rules', () => {
  it.each([
    ['en', 'Iris Vale', 'Iris Vale lives in Torbeck.'],
    ['en', 'Iris Vale', 'Iris Vale slept.'],
    ['zh', '林溪', '林溪住在昆明的一条小巷里。'],
    ['zh', '林溪', '林溪睡了。'],
    ['ja', '篠原葵', '篠原葵は京都に住んでいます。'],
    ['ja', '篠原葵', '篠原葵は眠った。'],
  ])('are three, different, and do not say the name (%s: %s, %s)', async (language, name, statement) => {
    const { queries } = await ask<{ queries: string[] }>('queries', language, {
      name,
      statement,
      count: '3',
    });
    expect(new Set(queries).size).toBe(3);
    for (const query of queries) expect(query).not.toContain(name);
  });

  it('follow cues', async () => {
    const { queries } = await ask<{ queries: string[] }>('queries', 'en', {
      name: 'Iris Vale',
      statement: 'Iris Vale lives in Torbeck.',
      count: '3',
    });
    expect(queries.join(' ')).toMatch(/where you live|Where do you live/);
    expect(queries.join(' ')).toContain('Torbeck');
  });
});

describe('labels by rules', () => {
  it('find relevance by shared words and cues', async () => {
    const statement = 'Iris Vale lives in Torbeck with two cats.';
    expect(await relevance('en', 'Iris Vale', statement, 'Where do you live?')).toBe('yes');
    expect(await relevance('en', 'Iris Vale', statement, 'Do you have a cat, Iris?')).toBe('yes');
    expect(await relevance('en', 'Iris Vale', statement, 'What is your favourite song, Iris?')).toBe('no');
    expect(await relevance('zh', '林溪', '林溪喜欢弹吉他。', '林溪，你会弹吉他吗？')).toBe('yes');
    expect(await relevance('zh', '林溪', '林溪喜欢弹吉他。', '林溪，你住在哪里？')).toBe('no');
    expect(await relevance('ja', '篠原葵', '篠原葵は京都に住んでいます。', '京都は好きですか？')).toBe('yes');
    expect(await relevance('ja', '篠原葵', '篠原葵は京都に住んでいます。', 'おいくつですか？')).toBe('no');
  });

  it('find entailment, and contradiction by negation, number, antonym and name', async () => {
    const statement = 'Iris Vale moved to Torbeck with her elder sister in 1921.';
    const label = (response: string) => nli('en', 'Iris Vale', statement, response);
    expect(await label('I moved to Torbeck with my elder sister in 1921.')).toBe('entailed');
    expect(await label('I never moved to Torbeck with my elder sister in 1921.')).toBe('contradicted');
    expect(await label('I moved to Torbeck with my elder sister in 1925.')).toBe('contradicted');
    expect(await label('I moved to Torbeck with my younger sister in 1921.')).toBe('contradicted');
    expect(await label('I moved to Lisbon with my elder sister in 1921.')).toBe('contradicted');
    expect(await label('The light is lovely at this hour.')).toBe('neutral');
    expect(await nli('zh', '林溪', '林溪喜欢弹吉他。', '我喜欢弹吉他。')).toBe('entailed');
    expect(await nli('zh', '林溪', '林溪喜欢弹吉他。', '我不喜欢弹吉他。')).toBe('contradicted');
    expect(await nli('ja', '篠原葵', '篠原葵は京都に住んでいます。', '私は京都に住んでいません。')).toBe(
      'contradicted',
    );
  });
});

describe('the template teacher', () => {
  it('says what it is, and which languages it has', async () => {
    expect(templateTeacher().identity).toEqual({ teacher: 'template', rules: 1 });
    await expect(statements('de', 'Iris Vale', 'Iris Vale schläft.')).rejects.toThrow(
      'no rules for the language de',
    );
    expect(await statements('en-GB', 'Iris Vale', 'Iris Vale was born in Torbeck.')).toHaveLength(1);
  });
});
