import { TruecastError } from '../../../support/errors.js';
import { type Added, addedToken, type TokenizerConfig } from './json.js';

/**
 * Squares a tokenizer made from a SentencePiece model with what is said beside it of added tokens: in
 * tokenizer_config.json's added_tokens_decoder (tokens by id; whether one is special counts) and in added_tokens.json
 * (ids by token).
 * @throws TruecastError where a token or its id is not the model's: what was trained with it would be read wrongly
 */
export function declareAdded(
  added: Added[],
  pieces: readonly string[],
  config: TokenizerConfig,
  ids: Readonly<Record<string, unknown>>,
): void {
  const decoder = (config.added_tokens_decoder ?? {}) as Record<
    string,
    { content?: unknown; special?: unknown }
  >;
  const declared = [
    ...Object.entries(decoder).map(([id, token]) => ({
      file: 'tokenizer_config.json',
      id: Number(id),
      content: token?.content,
      special: token?.special === true,
    })),
    ...Object.entries(ids).map(([content, id]) => ({
      file: 'added_tokens.json',
      id,
      content,
      special: undefined,
    })),
  ];
  for (const { file, id, content, special } of declared) {
    const known = added.find((token) => token.content === content && token.id === id);
    if (known) known.special = special ?? known.special;
    else if (typeof id === 'number' && typeof content === 'string' && pieces[id] === content) {
      added.push(addedToken(id, content, special ?? false));
    } else {
      throw new TruecastError(
        `${file} adds the token ${JSON.stringify(content)} as ${String(id)}, which the SentencePiece model does not have there`,
        'save the tokenizer as tokenizer.json (transformers: AutoTokenizer, save_pretrained)',
      );
    }
  }
}
