import { byteCharacters } from './byteLevel.js';
import type { Fields } from './fields.js';
import { readBehavior, readPattern, split } from './pattern.js';

/** Part of a text between two cuts. */
export interface PreToken {
  text: string;
  /** Whether the input begins with it. */
  first: boolean;
}

export type PreTokenizer = (pieces: PreToken[]) => PreToken[];

/** How tokenizer.json's `pre_tokenizer` cuts a normalised text into words, which no token goes beyond. */
export function readPreTokenizer(fields: Fields): PreTokenizer {
  const { type } = fields;
  switch (type) {
    case 'Sequence': {
      const steps = fields.objects('pretokenizers').map(readPreTokenizer);
      return (pieces) => steps.reduce((result, step) => step(result), pieces);
    }
    case 'Metaspace':
      return metaspace(fields);
    case 'BertPreTokenizer':
      return each((text) =>
        split(text, BLANK, 'Removed').flatMap((word) => split(word, PUNCTUATION, 'Isolated')),
      );
    case 'WhitespaceSplit':
      return each((text) => split(text, BLANK, 'Removed'));
    case 'Whitespace':
      return each((text) => split(text, WORD_OR_MARKS, 'Removed', true));
    case 'Punctuation': {
      const behavior = readBehavior(fields, 'Isolated');
      return each((text) => split(text, PUNCTUATION, behavior));
    }
    case 'Digits': {
      const behavior = fields.boolean('individual_digits', false) ? 'Isolated' : 'Contiguous';
      return each((text) => split(text, /\p{N}/gu, behavior));
    }
    case 'Split': {
      const [pattern, behavior] = [readPattern(fields), readBehavior(fields)];
      const invert = fields.boolean('invert', false);
      return each((text) => split(text, pattern, behavior, invert));
    }
    case 'ByteLevel': {
      const prefix = fields.boolean('add_prefix_space', true);
      const words = fields.boolean('use_regex', true);
      return each((text) => {
        const begun = prefix && !text.startsWith(' ') ? ` ${text}` : text;
        return (words ? split(begun, GPT2_WORDS, 'Isolated') : [begun]).map(byteCharacters);
      });
    }
    default:
      return fields.refuse(`: pre-tokenizer ${type} is not supported`);
  }
}

const BLANK = /\p{White_Space}/gu;
const PUNCTUATION = /[!-/:-@[-`{-~]|\p{P}/gu;
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const WORD_OR_MARKS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu');
const GPT2_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function each(cut: (text: string) => string[]): PreTokenizer {
  return (pieces) =>
    pieces.flatMap(({ text, first }) => {
      const parts = cut(text);
      // a part that does not begin the text has lost something before it
      const begins = first && parts[0] !== undefined && text.startsWith(parts[0]);
      return parts.map((part, i) => ({ text: part, first: begins && i === 0 }));
    });
}

/** Blanks become visible marks that go with the word behind them, and a text begins with one. */
function metaspace(fields: Fields): PreTokenizer {
  const mark = fields.string('replacement', '▁');
  if ([...mark].length !== 1) fields.refuse(': replacement is not one character');
  const scheme = prependScheme(fields);
  const pattern = new RegExp(mark.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu');
  const whole = !fields.boolean('split', true);
  return (pieces) =>
    pieces.flatMap(({ text, first }) => {
      const marked = text.replaceAll(' ', () => mark);
      const prepend = scheme === 'always' || (scheme === 'first' && first);
      const begun = prepend && marked !== '' && !marked.startsWith(mark) ? mark + marked : marked;
      const parts = whole ? [begun] : split(begun, pattern, 'MergedWithNext');
      return parts.map((part, i) => ({ text: part, first: first && i === 0 }));
    });
}

/** When a text gets a blank before it. Older files have add_prefix_space instead. */
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
