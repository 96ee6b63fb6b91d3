import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { TextStream } from '../../src/models/tokenizer/textStream.js';
import { Tokenizer } from '../../src/models/tokenizer.js';
import { corpus, knownDivergences, parityTests } from '../helpers/tokenizerCorpus.js';
import { GEMMA_TOKENIZERS, type GemmaTokenizer } from './gemmaTokenizers.js';
import { folderOf, skippedFor } from './helpers.js';

const GOLDEN = join(import.meta.dirname, 'tokenizers');
const minilmSkipped = skippedFor('minilm');
const gemma = inject('gemmaTokenizers');
const skipped = 'missing' in gemma ? ` (skipped: ${gemma.missing})` : '';

function folder(name: GemmaTokenizer): string {
  if ('missing' in gemma) throw new Error(`a test ran without its tokenizer: ${gemma.missing}`);
  return gemma.folders[name];
}

describe.skipIf(minilmSkipped)(`MiniLM's tokenizer on the corpus${minilmSkipped}`, () => {
  const name = 'all-minilm-l6-v2';
  parityTests(
    () => Tokenizer.load(folderOf('minilm')),
    join(GOLDEN, `${name}.json`),
    knownDivergences(GOLDEN, name),
  );
});

describe.skipIf(skipped).each(GEMMA_TOKENIZERS)(`the tokenizer of %s${skipped}`, (name) => {
  let tokenizer: Tokenizer;
  parityTests(
    () => {
      tokenizer = Tokenizer.load(folder(name));
      return tokenizer;
    },
    join(GOLDEN, `${name}.json`),
    knownDivergences(GOLDEN, name),
  );

  it('gives every line of the corpus back, and the same piece by piece', () => {
    for (const text of corpus()) {
      // its blanks are spelt ▁, and a ▁ in a text reads as one
      const expected = text.replaceAll('▁', ' ');
      const ids = tokenizer.encode(text);
      expect(tokenizer.decode(ids), JSON.stringify(text)).toBe(expected);
      const stream = new TextStream(tokenizer);
      expect([...ids.map((id) => stream.push(id)), stream.end()].join('')).toBe(expected);
    }
  });

  it('no line of the corpus becomes a control token', () => {
    const controls = ['<pad>', '<eos>', '<bos>', '<unk>', '<start_of_turn>', '<end_of_turn>'];
    const ids = new Set(controls.filter((t) => tokenizer.hasControl(t)).map((t) => tokenizer.control(t)));
    expect(ids.size).toBeGreaterThan(3);
    for (const text of corpus()) {
      expect(
        tokenizer.encode(text).filter((id) => ids.has(id)),
        JSON.stringify(text),
      ).toEqual([]);
    }
  });
});
