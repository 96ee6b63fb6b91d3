import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeCompanions } from '../../src/models/companions.js';
import { openModel } from '../../src/models/files.js';
import { withScoresAsRead } from '../../src/models/tokenizer/scores.js';
import { PIECE, readSentencePiece } from '../../src/models/tokenizer/sentencePiece/modelProto.js';
import { Tokenizer } from '../../src/models/tokenizer.js';
import { TruecastError } from '../../src/support/errors.js';
import { temporaryFolders } from '../helpers/temporary.js';

const FIXTURES = 'test/fixtures/tokenizers';
const temporary = temporaryFolders();

/** Protocol Buffers' wire format. */
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
const field = (number: number, bytes: readonly number[]) => [
  number * 8 + 2,
  ...varint(bytes.length),
  ...bytes,
];
const float = (value: number) => [...Buffer.from(Float32Array.of(value).buffer)];
const piece = (text: string, score: number, type: number) =>
  field(1, [...field(1, [...Buffer.from(text)]), 2 * 8 + 5, ...float(score), 3 * 8, type]);

function written(bytes: readonly number[]): string {
  const path = join(temporary(), 'spm.model');
  writeFileSync(path, Uint8Array.from(bytes));
  return path;
}

/** A copy of a fixture without some files. */
function folderWithout(name: string, ...files: string[]): string {
  const folder = temporary();
  cpSync(join(FIXTURES, name), folder, { recursive: true });
  for (const file of files) rmSync(join(folder, file));
  return folder;
}

describe('readSentencePiece', () => {
  it('reads pieces, their kinds, scores and the unknown piece', () => {
    const model = readSentencePiece(join(FIXTURES, 'deberta-v2', 'spm.model'));
    expect(model.pieces.slice(0, 4)).toEqual([
      { text: '[PAD]', score: 0, type: PIECE.control },
      { text: '[CLS]', score: 0, type: PIECE.control },
      { text: '[SEP]', score: 0, type: PIECE.control },
      { text: '[UNK]', score: 0, type: PIECE.unknown },
    ]);
    expect(model.unknownId).toBe(3);
    expect(model.pieces[4]).toEqual({ text: '<0x00>', score: 0, type: PIECE.byte });
    expect(model.charsmap?.length).toBeGreaterThan(100_000);
  });

  it.each([
    ['an empty file', [], 'is no whole SentencePiece model'],
    ['pieces alone', piece('a', 0, 1), 'is no whole SentencePiece model'],
    [
      'a length beyond the end',
      [10, ...varint(2 ** 27), 1],
      'byte 5: a field claims 134217728 bytes, 1 are left',
    ],
    ['a length beyond 32 bits', [10, 255, 255, 255, 255, 15, 1], 'a field claims 4294967295 bytes'],
    ['a number without end', Array(20).fill(255), 'a number has no end'],
    ['a number that is cut off', [10], 'byte 1: a number is cut off'],
    ['a group', [11], 'byte 0: a field has the wire type 3'],
    ['field 0', [2, 0], 'byte 0: a field has the number 0'],
    ['a piece that is no UTF-8', field(1, field(1, [0xff])), 'byte 4: a piece is not UTF-8'],
    ['a score that is no number', piece('a', Number.NaN, 1), 'piece 0 has the score NaN'],
    ['text', [...Buffer.from('{"model": {}}')], 'cannot be read'],
  ])('%s is an error that says where', (_what, bytes, message) => {
    const path = written(bytes);
    expect(() => readSentencePiece(path)).toThrow(TruecastError);
    expect(() => readSentencePiece(path)).toThrow(message);
    expect(() => readSentencePiece(path)).toThrow(path);
  });

  it('an unknown piece beyond the pieces is an error', () => {
    const trainer = field(2, [...varint(40 * 8), 7]);
    const path = written([...piece('a', 0, 1), ...trainer, ...field(3, [])]);
    expect(() => readSentencePiece(path)).toThrow('its unk_id 7 is none of its 1 pieces');
  });

  it('every cut of a file is an error', () => {
    const bytes = readFileSync(join(FIXTURES, 'gemma', 'tokenizer.model'));
    const path = join(temporary(), 'tokenizer.model');
    for (let length = 0; length < bytes.length; length += 61) {
      writeFileSync(path, bytes.subarray(0, length));
      expect(() => readSentencePiece(path), String(length)).toThrow(TruecastError);
    }
  });
});

describe('the tokenizer of a folder', () => {
  it('tokenizer.json goes before a SentencePiece model', () => {
    const folder = folderWithout('deberta-v2');
    cpSync('checkpoints/tiny-deberta/tokenizer.json', join(folder, 'tokenizer.json'));
    expect(Tokenizer.load(folder).path).toBe(join(folder, 'tokenizer.json'));
  });

  it('the family may stand in tokenizer_config.json alone', () => {
    const folder = folderWithout('xlm-roberta', 'config.json');
    expect(Tokenizer.load(folder).control('<s>')).toBe(0);
  });

  it('without either file it says what was looked for', () => {
    const folder = folderWithout('deberta-v2', 'spm.model');
    expect(() => Tokenizer.load(folder)).toThrow(
      `tokenizer not found: ${join(folder, 'tokenizer.json')}, nor ${join(folder, 'spm.model')}`,
    );
  });

  it('a SentencePiece model of an unknown family is not guessed at', () => {
    const folder = folderWithout('deberta-v2', 'config.json');
    writeFileSync(join(folder, 'config.json'), '{"model_type": "t5"}');
    expect(() => Tokenizer.load(folder)).toThrow(`tokenizer not found: ${join(folder, 'tokenizer.json')}`);
  });

  it.each([
    ['deberta-v2', 'spm.model', 'gemma/tokenizer.model', 'is a BPE model'],
    [
      'xlm-roberta',
      'sentencepiece.bpe.model',
      'deberta-v2/spm.model',
      'does not begin with <unk>, <s> and </s>',
    ],
    ['gemma', 'tokenizer.model', 'deberta-v2/spm.model', 'is a unigram model'],
  ])('%s: the model of another family is refused', (name, file, other, message) => {
    const folder = folderWithout(name);
    cpSync(join(FIXTURES, other), join(folder, file));
    expect(() => Tokenizer.load(folder)).toThrow(TruecastError);
    expect(() => Tokenizer.load(folder)).toThrow(message);
  });

  it.each([
    ['{"do_lower_case": "no"}', 'do_lower_case is "no", not true or false'],
    ['{"mask_token": 7}', 'mask_token is 7, not a token'],
    ['[]', 'is not a JSON object'],
  ])('a wrong tokenizer_config.json is an error: %s', (text, message) => {
    const folder = folderWithout('deberta-v2');
    writeFileSync(join(folder, 'tokenizer_config.json'), text);
    expect(() => Tokenizer.load(folder)).toThrow(TruecastError);
    expect(() => Tokenizer.load(folder)).toThrow(message);
  });

  it.each(['deberta-v2', 'xlm-roberta', 'gemma'])(
    '%s: copied beside another model it is the same',
    (name) => {
      const [from, to] = [join(FIXTURES, name), temporary()];
      writeCompanions(openModel(from), to, 'F32');
      const text = 'the lantern keeper, 灯台守 [SEP] é';
      expect(Tokenizer.load(to).encodeInput(text, text)).toEqual(
        Tokenizer.load(from).encodeInput(text, text),
      );
    },
  );
});

it('scores are those that Hugging Face’s parser reads', () => {
  const scores = [-11.629363059997559, -15.7, 0, -5, -100.25, -1e-7, 12345678];
  const json = { model: { vocab: scores.map((score, i) => [`piece ${i}`, score]) } };
  const read = withScoresAsRead(json) as typeof json;
  expect(read.model.vocab.map(([, score]) => score)).toEqual([
    -11.62936305999756, -15.7, 0, -5, -100.25, -1e-7, 12345678,
  ]);
});
