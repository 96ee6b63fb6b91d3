import { UsageError } from '../src/support/errors.js';

/** Sizes of the random models and of the work, as `--size` names them; `--set` changes one. */
export interface Sizes {
  /** A BERT as all-MiniLM-L6-v2. */
  minilm: { layers: number; hidden: number; heads: number; vocabulary: number };
  /** A DeBERTa as deberta-v3-*. */
  deberta: { layers: number; hidden: number; heads: number; vocabulary: number };
  /** A Gemma 1. */
  gemma: {
    layers: number;
    hidden: number;
    heads: number;
    keyValueHeads: number;
    headSize: number;
    inner: number;
    vocabulary: number;
  };
  score: { responses: number; statements: number };
  train: { batch: number; length: number };
  dpo: { prompt: number; response: number; rank: number };
  generate: { prompt: number; tokens: number; batch: number };
}

const SMALL: Sizes = {
  minilm: { layers: 6, hidden: 384, heads: 12, vocabulary: 30522 },
  deberta: { layers: 6, hidden: 384, heads: 6, vocabulary: 32000 },
  gemma: {
    layers: 8,
    hidden: 512,
    heads: 4,
    keyValueHeads: 1,
    headSize: 128,
    inner: 2048,
    vocabulary: 8192,
  },
  score: { responses: 4, statements: 36 },
  train: { batch: 8, length: 128 },
  dpo: { prompt: 96, response: 48, rank: 16 },
  generate: { prompt: 64, tokens: 32, batch: 32 },
};

export const SIZES = {
  /** Checks that the benchmark runs; its times say nothing. */
  tiny: {
    minilm: { layers: 2, hidden: 32, heads: 4, vocabulary: 4096 },
    deberta: { layers: 2, hidden: 32, heads: 4, vocabulary: 4096 },
    gemma: {
      layers: 2,
      hidden: 64,
      heads: 2,
      keyValueHeads: 1,
      headSize: 32,
      inner: 128,
      vocabulary: 512,
    },
    score: { responses: 2, statements: 8 },
    train: { batch: 2, length: 32 },
    dpo: { prompt: 16, response: 8, rank: 4 },
    generate: { prompt: 8, tokens: 8, batch: 4 },
  },
  small: SMALL,
  /** deberta-v3-base, and a Gemma a quarter of gemma-2b's width. */
  base: {
    ...SMALL,
    deberta: { layers: 12, hidden: 768, heads: 12, vocabulary: 128100 },
    gemma: { ...SMALL.gemma, layers: 18, hidden: 1024, heads: 8, inner: 4096, vocabulary: 32000 },
  },
  /** deberta-v3-large and gemma-1.1-2b: for a GPU. */
  published: {
    ...SMALL,
    deberta: { layers: 24, hidden: 1024, heads: 16, vocabulary: 128100 },
    gemma: {
      layers: 18,
      hidden: 2048,
      heads: 8,
      keyValueHeads: 1,
      headSize: 256,
      inner: 16384,
      vocabulary: 256000,
    },
  },
} satisfies Record<string, Sizes>;
export type SizeName = keyof typeof SIZES;

/** A named set of sizes with some values replaced: `deberta.layers=12`. */
export function sizesOf(name: SizeName, replacements: readonly string[]): Sizes {
  const sizes = structuredClone(SIZES[name]) as unknown as Record<string, Record<string, number>>;
  for (const text of replacements) {
    const [, section, key, value] = /^(\w+)\.(\w+)=(\d+)$/.exec(text) ?? [];
    if (sizes[section!]?.[key!] === undefined || Number(value) < 1) {
      throw new UsageError(`--set ${text} sets nothing`, 'give SECTION.KEY=NUMBER as in bench/sizes.ts');
    }
    sizes[section!]![key!] = Number(value);
  }
  return sizes as unknown as Sizes;
}
