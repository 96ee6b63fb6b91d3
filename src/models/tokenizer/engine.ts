import { type AddedToken, correctAddedTokens } from './addedTokens.js';
import { readDecoder } from './decoders.js';
import type { Fields } from './fields.js';
import { library, type Tokenizer } from './library.js';
import { encodeWordByWord, hidePieces, readModel } from './model.js';
import { CharsmapNormalizer, readNormalizer } from './normalizers.js';
import { readPreTokenizer } from './preTokenizers.js';

/**
 * The tokenizer of @huggingface/tokenizers for a tokenizer.json, with the corrections that make it give the ids of
 * Hugging Face's Rust package. No text becomes a special token.
 */
export function buildEngine(file: Fields, added: readonly AddedToken[]): Tokenizer {
  const part = (key: string) => (file.has(key) ? file.part(key) : undefined);
  const normalizer = part('normalizer');
  const normalizers = normalizer ? readNormalizer(normalizer) : [];
  const preTokenizer = part('pre_tokenizer');
  const pretokenizers = preTokenizer ? readPreTokenizer(preTokenizer) : [];
  const model = readModel(file.part('model'));
  const engine = new library.Tokenizer(
    {
      added_tokens: added.filter(({ special }) => !special),
      normalizer: normalizers.length > 0 ? { type: 'Sequence', normalizers } : null,
      pre_tokenizer: pretokenizers.length > 0 ? { type: 'Sequence', pretokenizers } : null,
      post_processor: null,
      decoder: null,
      model,
    },
    // its settings would change a text in ways that the Rust package does not know
    {},
  );
  const { vocab } = model;
  // it has them in tables of its own
  Object.assign(model, { vocab: [], merges: [] });
  if (engine.model instanceof library.BPE) engine.model.merges = [];
  if (engine.normalizer instanceof library.SequenceNormalizer) {
    const steps = engine.normalizer.normalizers;
    normalizers.forEach(({ type, precompiled_charsmap: map }, i) => {
      if (type === 'Precompiled')
        steps[i] = new CharsmapNormalizer(map as string, `${normalizer!.where}.precompiled_charsmap`);
    });
  }
  const decoder = part('decoder');
  if (decoder) {
    engine.decoder = readDecoder(decoder);
    engine.decoder.added_tokens = engine.added_tokens;
  }
  correctAddedTokens(engine, vocab);
  encodeWordByWord(engine.model);
  hidePieces(
    engine.model,
    added.filter(({ special }) => special).map(({ content }) => content),
  );
  return engine;
}
