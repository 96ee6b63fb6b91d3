import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { readAuthored } from '../../scripts/base/authored.js';
import { readJson } from '../../src/support/files.js';

interface Fixture {
  tokenizers: string;
  models: Record<
    string,
    {
      size: number;
      texts: { text: string; ids: number[] }[];
      pairs: { texts: [string, string]; ids: number[]; types: number[] }[];
    }
  >;
}

const fixture = readJson('test/fixtures/tokenizers/tiny.json', 'fixture') as Fixture;

function load(name: string): { tokenizer: Tokenizer; file: TokenizerFile; config: Record<string, unknown> } {
  const file = readJson(`checkpoints/${name}/tokenizer.json`, 'tokenizer') as TokenizerFile;
  const config = readJson(`checkpoints/${name}/tokenizer_config.json`, 'configuration') as Record<
    string,
    unknown
  >;
  return { tokenizer: new Tokenizer(file, config), file, config };
}

interface TokenizerFile {
  added_tokens: { id: number; content: string }[];
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

describe.each(Object.entries(fixture.models))('the tokenizer of %s', (name, expected) => {
  const { tokenizer, file } = load(name);

  it(`gives the ids of Python's tokenizers ${fixture.tokenizers}`, () => {
    expect(Object.keys(file.model.vocab)).toHaveLength(expected.size);
    for (const { text, ids } of expected.texts) expect(tokenizer.encode(text).ids, text).toEqual(ids);
  });

  it('gives the ids and types of pairs', () => {
    for (const { texts, ids, types } of expected.pairs) {
      const encoding = tokenizer.encode(texts[0], { text_pair: texts[1], return_token_type_ids: true });
      expect(encoding.ids).toEqual(ids);
      expect(encoding.token_type_ids).toEqual(types);
    }
  });

  it('gives every text back', () => {
    // A third of the authored texts, for time.
    const texts = readAuthored().flatMap((character) =>
      character.texts.filter((_, index) => index % 3 === 0),
    );
    const back = texts.map((text) =>
      tokenizer.decode(tokenizer.encode(text, { add_special_tokens: false }).ids),
    );
    expect(back).toEqual(texts);
  });

  it('numbers its tokens without gaps and merges only what it knows', () => {
    const { vocab, merges } = file.model;
    const ids = Object.values(vocab).sort((a, b) => a - b);
    expect(ids).toEqual(ids.map((_, index) => index));
    for (const { id, content } of file.added_tokens) expect(vocab[content]).toBe(id);
    const parts = merges.flatMap(([left, right]) => [left, right, left + right]);
    expect(parts.filter((token) => !Object.hasOwn(vocab, token))).toEqual([]);
  });
});

describe('the chat template of tiny-gemma', () => {
  it('writes turns of user and model', async () => {
    const { Template } = await import('@huggingface/jinja');
    const template = new Template(load('tiny-gemma').config.chat_template as string);
    const messages = [
      { role: 'model', content: 'I am Odile.' },
      { role: 'user', content: ' Where do you live? ' },
    ];
    expect(template.render({ bos_token: '<bos>', messages, add_generation_prompt: true })).toBe(
      '<bos><start_of_turn>model\nI am Odile.<end_of_turn>\n' +
        '<start_of_turn>user\nWhere do you live?<end_of_turn>\n<start_of_turn>model\n',
    );
    const system = [{ role: 'system', content: 'Be kind.' }];
    expect(() => template.render({ messages: system })).toThrow('no turn for the role system');
  });
});
