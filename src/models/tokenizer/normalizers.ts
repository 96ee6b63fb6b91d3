import { Charsmap } from './charsmap.js';
import type { Fields } from './fields.js';
import { type Component, library } from './library.js';
import { readPattern, replaced } from './pattern.js';

/**
 * tokenizer.json's `normalizer` as steps for @huggingface/tokenizers, which do what those of Hugging Face's Rust
 * package do: its own BertNormalizer, Strip and Lowercase take other characters for blanks, control characters or
 * ideographs and lower-case a Σ by what surrounds it.
 */
export function readNormalizer(fields: Fields): Component[] {
  const { type } = fields;
  switch (type) {
    case 'Sequence':
      return fields.objects('normalizers').flatMap(readNormalizer);
    case 'Replace':
      return [replaced(readPattern(fields), fields.string('content'))];
    case 'Precompiled':
      return [{ type, precompiled_charsmap: fields.string('precompiled_charsmap') }];
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
    case 'StripAccents':
      return [{ type }];
    case 'Strip': {
      const left = fields.boolean('strip_left') ? [replaced('\\A\\s+', '')] : [];
      // the look-behind keeps a long run of blanks from being tried at each of them
      return fields.boolean('strip_right') ? [...left, replaced('(?<!\\s)\\s+\\z', '')] : left;
    }
    case 'Lowercase':
      return LOWERCASE;
    case 'Prepend':
      return [{ type, prepend: fields.string('prepend') }];
    case 'BertNormalizer':
      return bertNormalizer(fields);
    default:
      return fields.refuse(`: normalizer ${type} is not supported`);
  }
}

const LOWERCASE: Component[] = [replaced('Σ', 'σ'), { type: 'Lowercase' }];

/** BERT's: drops control characters, sets CJK ideographs apart, and, for uncased models, drops accents and cases. */
function bertNormalizer(fields: Fields): Component[] {
  const lower = fields.boolean('lowercase', true);
  return [
    ...(fields.boolean('clean_text', true) ? [replaced(DROPPED, ''), replaced('\\s', ' ')] : []),
    ...(fields.boolean('handle_chinese_chars', true) ? [SET_APART] : []),
    ...(fields.boolean('strip_accents', lower) ? [{ type: 'NFD' }, replaced('\\p{Mn}', '')] : []),
    ...(lower ? LOWERCASE : []),
  ];
}

const DROPPED = '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\p{Cf}\\p{Co}\\ufffd]';

// Hugging Face's Rust package begins extension E at 2B920, not at 2B820
const IDEOGRAPH =
  '[\\u4e00-\\u9fff\\u3400-\\u4dbf\\x{20000}-\\x{2a6df}\\x{2a700}-\\x{2b73f}\\x{2b740}-\\x{2b81f}' +
  '\\x{2b920}-\\x{2ceaf}\\uf900-\\ufaff\\x{2f800}-\\x{2fa1f}]';
const SET_APART: Component = { type: 'Replace', pattern: { Regex: IDEOGRAPH }, content: ' $& ' };

/** A SentencePiece model's own character map; the library's Precompiled is an approximation by NFKC. */
export class CharsmapNormalizer extends library.Normalizer {
  private readonly map: Charsmap;

  constructor(base64: string, where: string) {
    super({ type: 'Precompiled', precompiled_charsmap: '' });
    this.map = new Charsmap(Buffer.from(base64, 'base64'), where);
  }

  normalize(text: string): string {
    return this.map.normalize(text);
  }
}
