import * as exported from '@huggingface/tokenizers';

/**
 * What is used of @huggingface/tokenizers, typed here: the package's own declarations name their files without
 * extensions, which TypeScript does not find under Node's rules for modules.
 */

/** A part of a tokenizer.json as the library is given it. */
export type Component = { type: string } & Record<string, unknown>;

export interface Normalizer {
  normalize(text: string): string;
}

export interface SequenceNormalizer extends Normalizer {
  normalizers: Normalizer[];
}

export interface Decoder {
  added_tokens: unknown[];
  decode(tokens: string[]): string;
  /** From tokens to tokens that are nearer to a text; their concatenation after the last decoder is the text. */
  decode_chain(tokens: string[]): string[];
}

export interface Model {
  /** Pieces by id, with holes where the file has them. */
  vocab: string[];
  tokens_to_ids: Map<string, number>;
  /** What calling it does. */
  _call(words: string[]): string[];
}

export interface Bpe extends Model {
  merges: unknown[];
  /** Ranks of merges by the JSON of their two pieces. */
  bpe_ranks: Map<string, number>;
}

interface TrieNode {
  is_leaf: boolean;
  children: Map<string, TrieNode>;
}

export interface Unigram extends Model {
  /** The pieces, a character a step. */
  trie: { root: TrieNode };
  /** The pieces of a word. */
  tokenize(word: string): string[];
  encode(words: string[]): string[];
}

export interface Splitter {
  /** A text cut at added tokens. */
  split(text: string): string[];
}

export interface Tokenizer {
  normalizer: Normalizer | null;
  model: Model;
  decoder: Decoder | null;
  encode(
    text: string,
    options: { add_special_tokens: boolean },
  ): { ids: (number | undefined)[]; tokens: string[] };
  added_tokens: unknown[];
  /** By content, and by its normalised form. */
  added_tokens_map: ReadonlyMap<string, { content: string; single_word: boolean }>;
  splitter_unnormalized: Splitter;
  splitter_normalized: Splitter;
}

type Make<T> = new (config: Component) => T;

export const library = exported as unknown as {
  Tokenizer: new (json: object, config: object) => Tokenizer;
  Normalizer: Make<object>;
  SequenceNormalizer: Make<SequenceNormalizer>;
  BPE: Make<Bpe>;
  Unigram: Make<Unigram>;
  SequenceDecoder: Make<Decoder & { decoders: Decoder[] }>;
  ReplaceDecoder: Make<Decoder>;
  ByteFallbackDecoder: Make<Decoder & { text_decoder: { decode(bytes: Uint8Array): string } }>;
  FuseDecoder: Make<Decoder>;
  StripDecoder: Make<Decoder>;
  ByteLevelDecoder: Make<Decoder>;
  MetaspaceDecoder: Make<Decoder & { replacement: string }>;
  WordPieceDecoder: Make<Decoder>;
};
