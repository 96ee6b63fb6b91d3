import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
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
  full: Record<string, { ids: number[]; decoded: string }>;
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
  const lines = corpus();
  if (golden.hashes.length !== 6 * lines.length) throw new Error('golden values of another corpus');
  return lines.filter((text, i) => {
    const hash = createHash('sha256').update(tokenizer.encode(text).join(' ')).digest('hex').slice(0, 6);
    return hash !== golden.hashes.slice(6 * i, 6 * i + 6);
  });
}
