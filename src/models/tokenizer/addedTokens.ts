import type { Fields } from './fields.js';
import type { Splitter, Tokenizer } from './library.js';

/** A token that is cut out of a text before the model sees it, as tokenizer.json has it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Control tokens: never cut out of a text here. */
  readonly special: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalised text. */
  readonly normalized: boolean;
}

export function readAddedToken(fields: Fields): AddedToken {
  const special = fields.boolean('special', false);
  return {
    id: fields.count('id'),
    content: fields.string('content'),
    special,
    single_word: fields.boolean('single_word', false),
    lstrip: fields.boolean('lstrip', false),
    rstrip: fields.boolean('rstrip', false),
    normalized: fields.boolean('normalized', !special),
  };
}

/**
 * Makes the library's tokenizer treat added tokens as Hugging Face's Rust package does: those of whole words are left
 * where they are part of one, and the model itself knows none but those of its own vocabulary.
 * (A text that becomes just such a token's content by normalisation is taken for it all the same.)
 * @param vocab the model's in tokenizer.json
 */
export function correctAddedTokens(engine: Tokenizer, vocab: unknown): void {
  let wholeWords = false;
  for (const { content, single_word } of engine.added_tokens_map.values()) {
    // a unigram looks its pieces up elsewhere
    if (!Array.isArray(vocab) && !Object.hasOwn(vocab as object, content))
      engine.model.tokens_to_ids.delete(content);
    wholeWords ||= single_word;
  }
  if (!wholeWords) return;
  keepWords(engine.splitter_unnormalized, engine.added_tokens_map);
  keepWords(engine.splitter_normalized, engine.added_tokens_map);
}

/** Puts back together what a splitter cuts off a word, though it is to be cut off as a whole word alone. */
function keepWords(splitter: Splitter, tokens: Tokenizer['added_tokens_map']): void {
  const split = splitter.split.bind(splitter);
  splitter.split = (text) => {
    const parts: string[] = [];
    let [end, afterText] = [0, false];
    for (const part of split(text)) {
      const begin = end;
      end += part.length;
      const token = tokens.get(part);
      const inWord =
        WORD_END.test(text.slice(Math.max(0, begin - 2), begin)) || WORD_BEGIN.test(text.slice(end, end + 2));
      const isText = !token || (token.single_word && inWord);
      if (isText && afterText) parts[parts.length - 1] += part;
      else parts.push(part);
      afterText = isText;
    }
    return parts;
  };
}

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const WORD_BEGIN = new RegExp(`^${WORD}`, 'u');
const WORD_END = new RegExp(`${WORD}$`, 'u');
