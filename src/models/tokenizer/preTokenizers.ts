import type { Fields } from './fields.js';
import type { Component } from './library.js';
import { escaped, matches, readBehavior, readPattern, splitAt } from './pattern.js';

/**
 * tokenizer.json's `pre_tokenizer` as steps for @huggingface/tokenizers, which cut as those of Hugging Face's Rust
 * package do: its own know blanks, digits and word characters by JavaScript's classes, and its Metaspace does not cut.
 */
export function readPreTokenizer(fields: Fields): Component[] {
  const { type } = fields;
  switch (type) {
    case 'Sequence': {
      const steps = fields.objects('pretokenizers').map(readPreTokenizer);
      if (steps.slice(1).some((step) => step.some(({ prepend_scheme }) => prepend_scheme === 'first')))
        fields.refuse(': prepend_scheme first behind another pre-tokenizer is not supported');
      return steps.flat();
    }
    case 'Metaspace':
      return metaspace(fields);
    case 'BertPreTokenizer':
      return [matches(`[^\\s${PUNCTUATION}]+|[${PUNCTUATION}]`)];
    case 'WhitespaceSplit':
      return [matches('\\S+')];
    case 'Whitespace':
      return [matches(`[${WORD}]+|[^${WORD}\\s]+`)];
    case 'Punctuation':
      return [splitAt(`[${PUNCTUATION}]`, readBehavior(fields, 'Isolated'))];
    case 'Digits':
      return [splitAt('\\p{N}', fields.boolean('individual_digits', false) ? 'Isolated' : 'Contiguous')];
    case 'Split':
      return [split(fields)];
    case 'ByteLevel': {
      const blank = { type: 'Replace', pattern: { Regex: '\\A[^ ]' }, content: ' $&' };
      return [
        ...(fields.boolean('add_prefix_space', true) ? [blank] : []),
        ...(fields.boolean('use_regex', true) ? [splitAt(GPT2_WORDS, 'Isolated')] : []),
        { type, add_prefix_space: false, use_regex: false },
      ];
    }
    default:
      return fields.refuse(`: pre-tokenizer ${type} is not supported`);
  }
}

/** In a class: Unicode's punctuation and the rest of ASCII's. */
const PUNCTUATION = '\\p{P}$+<=>\\^`|~';
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

function split(fields: Fields): Component {
  const [pattern, behavior] = [readPattern(fields), readBehavior(fields)];
  if (!fields.boolean('invert', false)) return splitAt(pattern, behavior);
  if (behavior === 'Removed') return matches(pattern);
  // cut off on their own, matches and what lies between them are the same
  if (behavior === 'Isolated') return splitAt(pattern, behavior);
  return fields.refuse(`: behavior ${behavior} with invert is not supported`);
}

/** Blanks become visible marks that go with the word behind them, and a text begins with one. */
function metaspace(fields: Fields): Component[] {
  const replacement = fields.string('replacement', '▁');
  if ([...replacement].length !== 1) fields.refuse(': replacement is not one character');
  const step = { type: 'Metaspace', replacement, prepend_scheme: prependScheme(fields) };
  return fields.boolean('split', true) ? [step, splitAt(escaped(replacement), 'MergedWithNext')] : [step];
}

/** When a text gets a blank before it. Older files have add_prefix_space instead, which the library passes over. */
export function prependScheme(fields: Fields): 'always' | 'first' | 'never' {
  const scheme = fields.string(
    'prepend_scheme',
    fields.boolean('add_prefix_space', true) ? 'always' : 'never',
  );
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never') {
    return fields.refuse(`: prepend_scheme ${scheme} is not supported`);
  }
  return scheme;
}
