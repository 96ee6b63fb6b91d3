import { TruecastError } from '../../../support/errors.js';
import type { SentencePieceModel } from './modelProto.js';

/** tokenizer_config.json. */
export type TokenizerConfig = Readonly<Record<string, unknown>>;

/** An entry of tokenizer.json's added_tokens. */
export function addedToken(id: number, content: string, special = true, normalized = false) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized, special };
}

export type Added = ReturnType<typeof addedToken>;

/** A tokenizer.json made here. */
export interface BuiltTokenizer {
  added_tokens: Added[];
  model: { vocab: [piece: string, score: number][] | Record<string, number> };
}

/** The name that a configuration gives a special token, as text or as an object with its content. */
export function tokenName(config: TokenizerConfig, key: string, fallback: string): string {
  const value = config[key] ?? fallback;
  const name = typeof value === 'object' ? (value as { content?: unknown }).content : value;
  if (typeof name !== 'string') throw wrongConfig(key, value, 'a token');
  return name;
}

export function flag(config: TokenizerConfig, key: string, fallback: boolean): boolean {
  const value = config[key] ?? fallback;
  if (typeof value !== 'boolean') throw wrongConfig(key, value, 'true or false');
  return value;
}

function wrongConfig(key: string, value: unknown, what: string): TruecastError {
  return new TruecastError(
    `tokenizer_config.json: ${key} is ${JSON.stringify(value)}, not ${what}`,
    'compare it with the published one',
  );
}

/** A TemplateProcessing: control tokens, and `$A` and `$B` for the texts, each with its type as in `$B:1`. */
export function template(single: string, pair: string, ids: Record<string, number>) {
  const items = (layout: string) =>
    layout.split(' ').map((item) => {
      const [, name, type] = /^(.+):(\d)$/.exec(item)!;
      const type_id = Number(type);
      return name!.startsWith('$')
        ? { Sequence: { id: name!.slice(1), type_id } }
        : { SpecialToken: { id: name!, type_id } };
    });
  const special_tokens = Object.fromEntries(
    Object.entries(ids).map(([token, id]) => [token, { id: token, ids: [id], tokens: [token] }]),
  );
  return { type: 'TemplateProcessing', single: items(single), pair: items(pair), special_tokens };
}

export function metaspace(config: TokenizerConfig) {
  const prepend_scheme = flag(config, 'add_prefix_space', true) ? 'always' : 'never';
  return { type: 'Metaspace', replacement: '▁', prepend_scheme, split: true };
}

/** The model's own character map, if any. */
export function precompiled({ charsmap }: SentencePieceModel) {
  if (!charsmap) return [];
  return [{ type: 'Precompiled', precompiled_charsmap: Buffer.from(charsmap).toString('base64') }];
}
