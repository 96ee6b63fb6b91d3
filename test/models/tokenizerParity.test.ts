import { createHash } from 'node:crypto';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTokenizerFiles } from '../../src/models/tokenizer/files.js';
import { Tokenizer } from '../../src/models/tokenizer.js';
import { readJson } from '../../src/support/files.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { differing, knownDivergences, parityTests } from '../helpers/tokenizerCorpus.js';

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

describe('parts of a tokenizer.json that no family here has', () => {
  const { lines, variants } = readJson(join(FIXTURES, 'variants.json'), 'golden values') as {
    lines: string[];
    variants: Record<string, { base: string; change: Partial<Json>; hashes: string }>;
  };

  it.each(Object.entries(variants))('%s', (name, { base, change, hashes }) => {
    const path = join(FIXTURES, base, 'tokenizer.json');
    const json = readJson(path, 'tokenizer') as Json;
    const model = { ...json.model, ...change.model };
    const tokenizer = new Tokenizer({ ...json, added_tokens: [], ...change, model }, {}, path);
    expect(differing(tokenizer, lines, hashes)).toEqual(knownDivergences(FIXTURES, `variant ${name}`));
  });
});

describe('a long text', () => {
  it.each(Object.keys(FAMILIES))('%s', (name) => {
    const tokenizer = Tokenizer.load(join(FIXTURES, name));
    const line = 'the lantern keeper, ';
    const once = tokenizer.encode(`${line}${line}`).length - tokenizer.encode(line).length;
    const { length } = tokenizer.encode(line.repeat(10_000));
    expect(Math.abs(length - 10_000 * once)).toBeLessThan(10);
    const word = '灯'.repeat(150_000);
    expect(tokenizer.decode(tokenizer.encode(`${word}a`)).endsWith('a')).toBe(true);
    expect(tokenizer.encode('xyq'.repeat(100_000)).length).toBeGreaterThan(100_000);
  });
});
