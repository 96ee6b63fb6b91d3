import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { localTeacher } from '../../src/teacher/local.js';
import { nliAnswer } from '../../src/teacher/stages/answers.js';
import type { TeacherReply, TeacherRequest } from '../../src/teacher/teacher.js';
import { describeBackends } from '../helpers/backends.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';

const folder = temporaryFolders();
const OPTIONS = {
  name: 'checkpoints/tiny-gemma',
  path: 'checkpoints/tiny-gemma',
  quantization: 'none' as const,
  batchSize: 3,
  seed: 1,
};

const question = (text: string, more: Partial<TeacherRequest> = {}): TeacherRequest => ({
  stage: 'nli',
  prompt: { language: 'en', version: '1' },
  variables: {},
  messages: [
    { role: 'system', content: 'Answer with one word.' },
    { role: 'user', content: text },
  ],
  temperature: 1,
  maxTokens: 24,
  answer: nliAnswer,
  repetition: 0,
  ...more,
});

describeBackends('a local model as teacher', () => {
  it('answers the same alone, in a batch and again, and otherwise for another question', async () => {
    const teacher = localTeacher(OPTIONS);
    const questions = ['Who are you?', 'Where?', 'A longer question about clocks?', 'Why so?', 'And?'].map(
      (text) => question(text),
    );
    const together = await Promise.all(questions.map((one) => teacher.ask(one)));
    const alone: TeacherReply[] = [];
    for (const one of questions) alone.push(await teacher.ask(one));
    expect(alone).toEqual(together);
    const repeated = await teacher.ask(question('Who are you?', { repetition: 1 }));
    expect(repeated).not.toEqual(together[0]);
    const greedy = await Promise.all(
      [0, 1].map((repetition) => teacher.ask(question('Why?', { temperature: 0, repetition }))),
    );
    expect(greedy[0]).toEqual(greedy[1]);
    expect(together.every(({ usage }) => usage.promptTokens > 5)).toBe(true);
    teacher.close();
  });

  it('gives reasons for what it cannot answer', async () => {
    const teacher = localTeacher(OPTIONS);
    const long = await teacher.ask(question('clock '.repeat(3000)));
    expect(long).toMatchObject({ failure: 'too-long', usage: { completionTokens: 0 } });
    expect('detail' in long && long.detail).toMatch(/the prompt has \d+ tokens; with 24 .* takes 2024/);
    const cut = await teacher.ask(question('Who are you?', { maxTokens: 1 }));
    expect(cut).toMatchObject({ failure: 'too-long', detail: 'the answer was cut off after 1 tokens' });
    teacher.close();
  });

  it('stops for those who no longer wait, and for nobody else', async () => {
    const teacher = localTeacher({ ...OPTIONS, batchSize: 1 });
    const stop = new AbortController();
    const stopped = teacher.ask(question('Who are you?'), stop.signal);
    const other = teacher.ask(question('Where?'));
    const refused = expect(stopped).rejects.toThrow('enough');
    stop.abort(new Error('enough'));
    await refused;
    expect((await other).usage.promptTokens).toBeGreaterThan(0);
    await expect(teacher.ask(question('Who?'), stop.signal)).rejects.toThrow('enough');
    teacher.close();
  });

  it('gives the model back, also where questions wait', async () => {
    const before = tf.memory().numTensors;
    const teacher = localTeacher({ ...OPTIONS, batchSize: 1 });
    const first = teacher.ask(question('Who are you?'));
    await Promise.resolve();
    const waiting = expect(teacher.ask(question('Where?'))).rejects.toThrow('closed');
    teacher.close();
    await waiting;
    await first.catch(() => {});
    await expect(teacher.ask(question('Who?'))).rejects.toThrow('closed');
    await new Promise((resolve) => setImmediate(resolve));
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a local model', () => {
  it('says who it is, in all that answers depend on', () => {
    const teacher = localTeacher({ ...OPTIONS, commit: 'abc' });
    expect(teacher.identity).toEqual({
      teacher: 'local',
      model: 'checkpoints/tiny-gemma',
      commit: 'abc',
      quantization: 'none',
      seed: 1,
    });
    teacher.close();
  });

  it('is refused without a chat template', () => {
    const path = join(folder(), 'base');
    cpSync('checkpoints/tiny-gemma', path, { recursive: true });
    const file = join(path, 'tokenizer_config.json');
    const { chat_template: _, ...config } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(config));
    expect(refusal(() => localTeacher({ ...OPTIONS, path }))).toMatch(/no chat template.*instruction-tuned/);
  });
});
