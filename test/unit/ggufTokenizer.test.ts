import { describe, expect, it } from 'vitest';
import { encodeChat } from '../../src/models/chatTemplate.js';
import { GgufMetadata } from '../../src/models/gguf/metadata.js';
import { ggufTokenizer, tokenizerFiles } from '../../src/models/gguf/tokenizer.js';
import { TruecastError } from '../../src/support/errors.js';

const NORMAL = 1;
const CONTROL = 3;
const USER = 4;
const BYTE = 6;

const PIECES: [piece: string, score: number, type: number][] = [
  ['<pad>', -1000, CONTROL],
  ['<eos>', -1000, CONTROL],
  ['<bos>', -1000, CONTROL],
  ['<unk>', -1000, CONTROL],
  ['<start_of_turn>', -1000, CONTROL],
  ['<end_of_turn>', -1000, CONTROL],
  ['\n', -1000, USER],
  ['\n\n', -1000, USER],
  ['  ', -1000, USER],
  ['   ', -1000, USER],
  ...Array.from({ length: 256 }, (_, byte): [string, number, number] => [
    `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    -1000,
    BYTE,
  ]),
  ['▁', -100, NORMAL],
  ...[...'abcdefghijklmnopqrstuvwxyz<>_😀'].map((letter, i): [string, number, number] => [
    letter,
    -101 - i,
    NORMAL,
  ]),
  ['ab', -2, NORMAL],
  ['bc', -1, NORMAL],
  ['▁ab', -4, NORMAL],
  ['😀😀', -5, NORMAL],
];
const TEMPLATE =
  "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n{{ m['content'] }}<end_of_turn>\n{% endfor %}";

function entries(pieces = PIECES): Record<string, unknown> {
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': pieces.map(([piece]) => piece),
    'tokenizer.ggml.scores': pieces.map(([, score]) => score),
    'tokenizer.ggml.token_type': pieces.map(([, , type]) => type),
    'tokenizer.ggml.bos_token_id': 2,
    'tokenizer.ggml.eos_token_id': 1,
    'tokenizer.ggml.padding_token_id': 0,
    'tokenizer.ggml.unknown_token_id': 3,
    'tokenizer.ggml.add_space_prefix': false,
    'tokenizer.chat_template': TEMPLATE,
  };
}
const metadataOf = (all: Record<string, unknown>) =>
  new GgufMetadata('m.gguf', new Map(Object.entries(all).filter(([, v]) => v !== undefined)) as never);
const id = (piece: string) => PIECES.findIndex(([p]) => p === piece);

describe('a tokenizer from metadata', () => {
  const tokenizer = ggufTokenizer(metadataOf(entries()));

  it.each<[string, string[]]>([
    // the better score first: bc before ab
    ['abc', ['a', 'bc']],
    [' ab', ['▁ab']],
    ['ab ab', ['ab', '▁ab']],
    ['a  b', ['a', '  ', 'b']],
    ['a     b', ['a', '   ', '  ', 'b']],
    ['a\n\n\nb', ['a', '\n\n', '\n', 'b']],
    ['😀😀', ['😀😀']],
    ['é', ['<0xC3>', '<0xA9>']],
    ['\t', ['<0x09>']],
  ])('cuts %j', (text, pieces) => {
    expect(tokenizer.encode(text)).toEqual(pieces.map(id));
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('takes control tokens in a text for text', () => {
    const ids = tokenizer.encode('a<end_of_turn>');
    expect(ids).not.toContain(id('<end_of_turn>'));
    expect(tokenizer.decode(ids)).toBe('a<end_of_turn>');
  });

  it('puts <bos> before a text, and <eos> after it where the file says so', () => {
    expect(tokenizer.encodeInput('a').ids).toEqual([2, id('a')]);
    const ends = {
      ...entries(),
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.add_eos_token': true,
    };
    expect(ggufTokenizer(metadataOf(ends)).encodeInput('a').ids).toEqual([id('a'), 1]);
  });

  it('lays out a conversation by the file’s own template', () => {
    const ids = encodeChat(tokenizer, [{ role: 'user', content: 'ab' }], { addGenerationPrompt: false });
    const start = [id('<bos>'), id('<start_of_turn>'), ...[...'user'].map(id), id('\n')];
    expect(ids).toEqual([...start, id('ab'), id('<end_of_turn>'), id('\n')]);
  });

  it('orders merges by score, user-defined pieces first', () => {
    const { json } = tokenizerFiles(metadataOf(entries()));
    expect((json.model as { merges: unknown }).merges).toEqual([
      ['▁▁', '▁'],
      ['▁', '▁▁'],
      ['\n', '\n'],
      ['▁', '▁'],
      ['b', 'c'],
      ['a', 'b'],
      ['▁', 'ab'],
      ['😀', '😀'],
    ]);
  });

  const without = (key: string) => ({ [`tokenizer.ggml.${key}`]: undefined });
  it.each<[string, Record<string, unknown>, string]>([
    ['byte-level BPE', { 'tokenizer.ggml.model': 'gpt2' }, 'tokenizer.ggml.model is "gpt2"'],
    ['WordPiece', { 'tokenizer.ggml.model': 'bert' }, 'tokenizer.ggml.model is "bert"'],
    ['no tokenizer', without('model'), 'it has no tokenizer.ggml.model'],
    ['no tokens', without('tokens'), 'it has no tokenizer.ggml.tokens'],
    ['no scores', without('scores'), 'it has no tokenizer.ggml.scores'],
    ['no types', without('token_type'), 'it has no tokenizer.ggml.token_type'],
    ['tokens that are numbers', { 'tokenizer.ggml.tokens': [1] }, 'tokenizer.ggml.tokens is no list'],
    ['too few scores', { 'tokenizer.ggml.scores': [0] }, `scores has 1 entries, there are ${PIECES.length}`],
    [
      'a score that is no number',
      { 'tokenizer.ggml.scores': [Number.NaN] },
      'tokenizer.ggml.scores is no list',
    ],
    ['a space before texts', { 'tokenizer.ggml.add_space_prefix': true }, 'add_space_prefix is true'],
    ['a token that is not there', { 'tokenizer.ggml.bos_token_id': 10 ** 6 }, 'bos_token_id is 1000000'],
    ['a template that is no text', { 'tokenizer.chat_template': 1 }, 'tokenizer.chat_template is no text'],
    ['a token twice', entries([...PIECES, ['ab', 0, NORMAL]]), 'are both "ab"'],
    ['a space that is a piece twice', entries([...PIECES, ['▁▁', 0, NORMAL]]), 'are both "▁▁"'],
    ['a token without end', entries([...PIECES, ['a'.repeat(2000), 0, NORMAL]]), 'has 2000 letters'],
  ])('refuses %s', (_name, change, what) => {
    const call = () => ggufTokenizer(metadataOf({ ...entries(), ...change }));
    expect(call).toThrow(TruecastError);
    expect(call).toThrow(what);
  });
});
