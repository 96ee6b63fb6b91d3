import { describe, expect, it } from 'vitest';
import { TextStream } from '../../src/models/tokenizer/textStream.js';
import { bpeJson, tokenizerOf, unigramJson, wordPieceJson } from '../helpers/tokenizers.js';

const TEXTS = [
  'the end',
  'é',
  'a€b',
  '👩‍🚀 the 🏳️‍🌈',
  'the\n\nend of',
  '',
  ' ',
  '沈墨兰。',
  'x\u0301y',
  'a�b',
];

describe('TextStream', () => {
  const tokenizer = tokenizerOf(bpeJson());
  const pieces = (ids: readonly number[]) => {
    const stream = new TextStream(tokenizer);
    return [...ids.map((id) => stream.push(id)), stream.end()];
  };

  it.each(TEXTS)('gives %j, whole characters at a time', (text) => {
    const given = pieces(tokenizer.encode(text));
    expect(given.join('')).toBe(text);
    for (const piece of given) {
      expect(/\p{Surrogate}/u.test(piece)).toBe(false);
      expect(piece.includes('\ufffd') && !text.includes('\ufffd')).toBe(false);
    }
  });

  it('holds the bytes of a character until it is whole', () => {
    const ids = tokenizer.encode('🤖a');
    expect(pieces(ids)).toEqual(['', '', '', '🤖', 'a', '']);
  });

  it('shows bytes that stay unfinished once something follows, or at the end', () => {
    const [first, second] = tokenizer.encode('🤖');
    const a = tokenizer.encode('a');
    expect(pieces([first!, second!, ...a])).toEqual(['', '', '\ufffd\ufffda', '']);
    expect(pieces([first!, second!])).toEqual(['', '', '\ufffd\ufffd']);
  });

  it('control tokens give nothing', () => {
    const ids = [tokenizer.control('<bos>'), ...tokenizer.encode('the'), tokenizer.control('<end_of_turn>')];
    expect(pieces(ids).join('')).toBe('the');
  });

  it.each([
    ['unigram', unigramJson()],
    ['wordPiece', wordPieceJson()],
  ])('%s: blanks between words come as in the whole text', (_name, json) => {
    const other = tokenizerOf(json);
    const ids = other.encode('the a the s abc, the');
    const stream = new TextStream(other);
    expect([...ids.map((id) => stream.push(id)), stream.end()].join('')).toBe(other.decode(ids));
  });
});
