import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Tokenizer } from '../../src/models/tokenizer.js';
import { messageOf, TruecastError } from '../../src/support/errors.js';
import { integerAt, randomKey } from '../../src/support/random.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { bpeJson, robertaJson, unigramJson, wordPieceJson } from '../helpers/tokenizers.js';

/** Damaged files of each kind; TRUECAST_FUZZ=5000 tries more. */
const COUNT = Number(process.env.TRUECAST_FUZZ ?? 200);
const FIXTURES = 'test/fixtures/tokenizers';
const TEXTS = ['The lamp [SEP] is lit, née Ｆ 灯 <bos>', '\n é\u0301 👩‍🚀  x', ''];
const temporary = temporaryFolders();

/** Whole numbers below n, one after the other. */
function numbers(...seed: (string | number)[]): (n: number) => number {
  const key = randomKey('fuzz', ...seed);
  let counter = 0;
  return (n) => integerAt(key, counter++, n);
}

/** Bytes with some changed, put in, taken out, or cut off. */
function damaged(bytes: Buffer, pick: (n: number) => number): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + pick(4); changes > 0 && result.length > 0; changes--) {
    // settings stand at a SentencePiece model's end, and its first pieces matter most
    const at = [
      pick(result.length),
      pick(Math.min(300, result.length)),
      result.length - 1 - pick(Math.min(300, result.length)),
    ][pick(3)]!;
    const some = Buffer.from(Array.from({ length: 1 + pick(6) }, () => [pick(256), 0xff, 0, 0x7f][pick(4)]!));
    switch (pick(5)) {
      case 0:
        result[at] = result[at]! ^ (1 << pick(8));
        break;
      case 1:
        some.copy(result, at);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), some, result.subarray(at)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + pick(40))]);
        break;
      default:
        result = result.subarray(0, at);
    }
  }
  return result;
}

const WRONG: unknown[] = [
  null,
  -1,
  1.5,
  1e300,
  2 ** 31,
  '',
  '\ud800',
  'x',
  [],
  {},
  true,
  [[]],
  'Sequence',
  'Regex',
  '(',
];

/** A JSON value with one value in it exchanged or taken out. */
function exchanged(json: unknown, pick: (n: number) => number): unknown {
  if (typeof json !== 'object' || json === null || pick(5) === 0) return WRONG[pick(WRONG.length)];
  const copy = (Array.isArray(json) ? [...json] : { ...json }) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key = keys[pick(keys.length)];
  if (key === undefined) return WRONG[pick(WRONG.length)];
  if (pick(12) === 0) delete copy[key];
  else copy[key] = exchanged(copy[key], pick);
  return copy;
}

/** Loads and uses what is in a folder; the error, if any, is for people and names the file. */
function tryOut(folder: string, what: string): boolean {
  try {
    const tokenizer = Tokenizer.load(folder);
    for (const text of TEXTS) tokenizer.decode(tokenizer.encodeInput(text, text).ids);
    return true;
  } catch (error) {
    const known = error instanceof TruecastError && error.message.includes(folder);
    if (!known) expect.fail(`${what}: ${error instanceof Error ? error.stack : messageOf(error)}`);
    return false;
  }
}

it.each(['deberta-v2/spm.model', 'xlm-roberta/sentencepiece.bpe.model', 'gemma/tokenizer.model'])(
  'damaged %s: a tokenizer or an error',
  async (file) => {
    const [name, base] = file.split('/') as [string, string];
    const folder = temporary();
    cpSync(join(FIXTURES, name, 'config.json'), join(folder, 'config.json'));
    const bytes = readFileSync(join(FIXTURES, file));
    let refused = 0;
    for (let i = 0; i < COUNT; i++) {
      // vitest wants to hear from a test
      if (i % 100 === 0) await setImmediate();
      writeFileSync(join(folder, base), damaged(bytes, numbers(file, i)));
      if (!tryOut(folder, `${file} ${i}`)) refused++;
    }
    expect(refused).toBeGreaterThan(COUNT / 5);
  },
  600_000,
);

it.each(
  Object.entries({
    wordPiece: wordPieceJson(),
    unigram: unigramJson(),
    bpe: bpeJson(),
    roberta: robertaJson(),
  }),
)(
  'damaged tokenizer.json, %s: a tokenizer or an error',
  async (name, json) => {
    const folder = temporary();
    const text = Buffer.from(JSON.stringify(json));
    let refused = 0;
    for (let i = 0; i < COUNT; i++) {
      // vitest wants to hear from a test
      if (i % 100 === 0) await setImmediate();
      const pick = numbers(name, i);
      const content = pick(2) === 0 ? damaged(text, pick) : JSON.stringify(exchanged(json, pick));
      writeFileSync(join(folder, 'tokenizer.json'), content ?? '');
      if (!tryOut(folder, `${name} ${i}`)) refused++;
    }
    expect(refused).toBeGreaterThan(COUNT / 5);
  },
  600_000,
);
