import { expect, it } from 'vitest';
import { byteTokens, countPieces, splitPieces, trainBpe } from '../../scripts/base/bpe.js';

it('parts words, punctuation, digits and Han', () => {
  expect(splitPieces('Don\'t go, "now"! 42 去哪里？')).toEqual([
    "Don't",
    '▁go',
    ',',
    '▁"',
    'now',
    '"',
    '!',
    '▁',
    '4',
    '2',
    '▁去哪里',
    '？',
  ]);
  const text = ' two  spaces\n\nand 3 lines ';
  expect(splitPieces(text).join('').replaceAll('▁', ' ')).toBe(text);
});

it('merges the most frequent pair first, the first in order among equals', () => {
  const counts = new Map<string, number>();
  countPieces(counts, 'abab cbcb abab');
  const options = { size: 6, required: [], minimumCharacterCount: 1, longest: 16 };
  const model = trainBpe(counts, options);
  expect(model.characters).toEqual(['b', 'a', 'c', '▁']);
  expect(model.merges).toEqual([
    ['a', 'b'],
    ['ab', 'ab'],
  ]);
  expect(trainBpe(counts, options)).toEqual(model);
});

it('keeps tokens short and leaves rare characters to bytes', () => {
  const counts = new Map([
    ['aaaaaaaa', 9],
    ['z', 1],
  ]);
  const model = trainBpe(counts, { size: 99, required: ['q'], minimumCharacterCount: 2, longest: 4 });
  expect(model.characters).toEqual(['a', 'q']);
  expect(model.merges).toEqual([
    ['a', 'a'],
    ['aa', 'aa'],
  ]);
  expect(byteTokens[255]).toBe('<0xFF>');
});
