import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { formatInput, loadFormat } from '../../src/discriminators/format.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const OWNER = 'KomeijiForce';
const load = (name: string) => loadFormat(temporary(), `${OWNER}/${name}`);

const input = {
  character: 'Komeiji Koishi',
  statement: 'Komeiji Koishi lives in Chireiden.',
  query: 'Where do you live, Koishi?',
  response: 'I live in Chireiden!',
};

it('the published checkpoints are those that come along', () => {
  expect(readdirSync('configs/published').sort()).toEqual(
    [
      'deberta-v3-large-nli-12character',
      'deberta-v3-large-relevance-12character',
      'xlm-roberta-large-nli-12character',
      'xlm-roberta-large-nli-multilingual-12character',
      'xlm-roberta-large-relevance-12character',
      'xlm-roberta-large-relevance-multilingual-12character',
    ].map((name) => `${OWNER}--${name}.json`),
  );
});

it('the English ones read one text; the line after the character holds four spaces', () => {
  const relevance = load('deberta-v3-large-relevance-12character');
  expect(relevance).toMatchObject({ task: 'relevance', labels: ['no', 'yes'], maxLength: 512 });
  expect(formatInput(relevance, input)).toEqual([
    [
      'Character: Komeiji Koishi',
      ' '.repeat(4),
      'Persona Statement: Komeiji Koishi lives in Chireiden.',
      '',
      'User Utterance: Where do you live, Koishi?',
      '',
      'Does this user utterance should be responded by including the information in the given persona statement? ' +
        'Only answer "yes" or "no" without any explanation.',
    ].join('\n'),
  ]);
  const nli = load('deberta-v3-large-nli-12character');
  expect(nli).toMatchObject({ task: 'nli', labels: ['contradicted', 'neutral', 'entailed'], maxLength: 512 });
  expect(formatInput(nli, input)).toEqual([
    [
      'Character: Komeiji Koishi',
      ' '.repeat(4),
      'Persona Statement: Komeiji Koishi lives in Chireiden.',
      '',
      'User Utterance: Where do you live, Koishi?',
      '',
      'Response: I live in Chireiden!',
      '',
      'For this response, is the given persona entailed, neutral, or contradict to it in natural language inference? ' +
        'Only answer "entailed", "neutral" or "contradict" without any explanation.',
    ].join('\n'),
  ]);
});

it.each(['', 'multilingual-'])('the xlm-roberta-large ones (%s) read the Chinese text', (infix) => {
  const [relevance] = formatInput(load(`xlm-roberta-large-relevance-${infix}12character`), input);
  expect(relevance).toBe(
    '角色：Komeiji Koishi\n\n人设陈述：Komeiji Koishi lives in Chireiden.\n\n用户话语：Where do you live, Koishi?\n\n' +
      '这个用户话语应该包含给定的人设陈述信息来回应吗？只需回答“是”或“不是”，无需解释。',
  );
  const [nli] = formatInput(load(`xlm-roberta-large-nli-${infix}12character`), input);
  expect(nli).toBe(
    '角色：Komeiji Koishi\n\n人设陈述：Komeiji Koishi lives in Chireiden.\n\n用户话语：Where do you live, Koishi?\n\n' +
      '回应：I live in Chireiden!\n\n' +
      '给定的人设陈述对于这个回应的推导在自然语言推理中是“蕴含”("entailed")、“中立”("neutral")还是“矛盾”("contradicted")？' +
      '只回答"entailed"、"neutral"或"contradicted"，不需要解释。',
  );
});

it('another repository has no format of its own', () => {
  expect(() => load('deberta-v3-large')).toThrow('KomeijiForce/deberta-v3-large has no discriminator.json');
});
