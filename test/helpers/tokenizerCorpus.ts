import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Tokenizer } from '../../src/models/tokenizer.js';
import { readJson } from '../../src/support/files.js';

/** What test/fixtures/tokenizer_golden.py writes of a tokenizer of Hugging Face's. */
export interface TokenizerGolden {
  /** Version of the Python package. */
  tokenizers: string;
  size: number;
  /** Six hexadecimal digits for each line of the corpus: the beginning of the SHA-256 of its ids, joined by blanks. */
  hashes: string;
  /** By line: all its ids, and the text that they decode to. */
  full: Record<string, { ids: number[]; decoded?: string }>;
  pairs: { texts: [string, string]; ids: number[]; types: number[] }[];
}

/** The lines of test/fixtures/tokenizers/corpus.jsonl. */
export function corpus(): string[] {
  const lines = readFileSync('test/fixtures/tokenizers/corpus.jsonl', 'utf8').trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as [kind: string, text: string])[1]);
}

export function readGolden(path: string): TokenizerGolden {
  return readJson(path, 'golden values') as TokenizerGolden;
}

/** Lines of the corpus that get other ids than Hugging Face's tokenizer gives them. */
export function differingLines(tokenizer: Tokenizer, golden: TokenizerGolden): string[] {
  return differing(tokenizer, corpus(), golden.hashes);
}

/** Lines that get other ids than those whose hashes are given, as TokenizerGolden has them. */
export function differing(tokenizer: Tokenizer, lines: readonly string[], hashes: string): string[] {
  if (hashes.length !== 6 * lines.length) throw new Error('golden values of another corpus');
  return lines.filter((text, i) => {
    const hash = createHash('sha256').update(tokenizer.encode(text).join(' ')).digest('hex').slice(0, 6);
    return hash !== hashes.slice(6 * i, 6 * i + 6);
  });
}

/**
 * Lines of the corpus on which a tokenizer is known to differ, from FOLDER/divergences.json, where each stands with
 * its reason. A test fails on any other, and once one of them starts to match.
 */
export function knownDivergences(folder: string, name: string): string[] {
  const path = join(folder, 'divergences.json');
  if (!existsSync(path)) return [];
  const all = readJson(path, 'known divergences') as Record<string, { reason: string; lines: string[] }[]>;
  return (all[name] ?? []).flatMap(({ lines }) => lines);
}

/** Tests that a tokenizer does on the corpus what Hugging Face's did when the golden values were made. */
export function parityTests(load: () => Tokenizer, goldenPath: string, divergences: string[]): void {
  const golden = readGolden(goldenPath);
  let tokenizer: Tokenizer;
  beforeAll(() => {
    tokenizer = load();
  });

  it(`gives the ids of tokenizers ${golden.tokenizers} on the corpus, but for known divergences`, () => {
    expect(differingLines(tokenizer, golden)).toEqual(divergences);
  });

  it('gives all the ids of some lines, and their text back', () => {
    const lines = corpus();
    for (const [line, { ids, decoded }] of Object.entries(golden.full)) {
      const text = lines[Number(line)]!;
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      if (decoded !== undefined) expect(tokenizer.decode(ids), JSON.stringify(text)).toBe(decoded);
    }
    expect(Object.keys(golden.full).length).toBeGreaterThan(48);
  });

  it('lays out pairs of texts', () => {
    for (const { texts, ids, types } of golden.pairs) {
      expect(tokenizer.encodeInput(...texts), texts.join('|')).toEqual({ ids, typeIds: types });
    }
    expect(golden.pairs.length).toBeGreaterThan(2);
  });

  it('holds every token but a mask or image token that the model may lack', () => {
    expect([golden.size, golden.size - 1]).toContain(tokenizer.vocabularySize);
  });
}
