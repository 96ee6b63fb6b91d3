import { createHash } from 'node:crypto';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../src/models/tokenizer.js';
import { readTokenizerFiles } from '../../src/models/tokenizer/files.js';
import { readJson } from '../../src/support/files.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { knownDivergences, parityTests } from '../helpers/tokenizerCorpus.js';

const FIXTURES = 'test/fixtures/tokenizers';
const FAMILIES = {
  'xlm-roberta': 'sentencepiece.bpe.model',
  'deberta-v2': 'spm.model',
  gemma: 'tokenizer.model',
};
const VARIANTS = { lower: { do_lower_case: true }, split: { split_by_punct: true } };

interface Json {
  added_tokens: unknown[];
  model: { vocab: object; merges?: unknown[] };
}

/** A tokenizer's parts, its long lists by their length and its character map by its hash. */
function structure(json: Json): unknown {
  const { vocab, merges } = json.model;
  const lengths = { vocab: Object.keys(vocab).length, ...(merges && { merges: merges.length }) };
  const short = { ...json, model: { ...json.model, ...lengths } };
  return JSON.parse(JSON.stringify(short), (key, value: unknown) =>
    key === 'precompiled_charsmap'
      ? createHash('sha256')
          .update(value as string)
          .digest('hex')
      : value,
  );
}

describe.each(Object.entries(FAMILIES))('%s from its SentencePiece model', (name, file) => {
  const folder = join(FIXTURES, name);

  it('is put together as by transformers', () => {
    const { json, path } = readTokenizerFiles(folder);
    expect(path).toBe(join(folder, file));
    expect(structure(json as Json)).toEqual(readJson(join(folder, 'structure.json'), 'structure'));
  });

  parityTests(() => Tokenizer.load(folder), join(folder, 'golden.json'), knownDivergences(FIXTURES, name));
});

describe.each(Object.entries(VARIANTS))('deberta-v2, %s', (name, config) => {
  const temporary = temporaryFolders();
  const load = () => {
    const folder = temporary();
    cpSync(join(FIXTURES, 'deberta-v2'), folder, { recursive: true });
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    return Tokenizer.load(folder);
  };
  parityTests(
    load,
    join(FIXTURES, 'deberta-v2', `golden-${name}.json`),
    knownDivergences(FIXTURES, `deberta-v2-${name}`),
  );
});

describe.each(['roberta', 'bert'])('%s from its tokenizer.json', (name) => {
  const folder = join(FIXTURES, name);
  parityTests(() => Tokenizer.load(folder), join(folder, 'golden.json'), knownDivergences(FIXTURES, name));
});

describe('deberta-v2 with added tokens that are text', () => {
  const path = join(FIXTURES, 'deberta-v2', 'golden-added.json');
  const load = () => {
    const { json, config } = readTokenizerFiles(join(FIXTURES, 'deberta-v2'));
    const { added } = readJson(path, 'golden values') as { added: unknown[] };
    const { added_tokens } = json as Json;
    return new Tokenizer({ ...(json as Json), added_tokens: [...added_tokens, ...added] }, config, path);
  };
  parityTests(load, path, knownDivergences(FIXTURES, 'deberta-v2-added'));
});
