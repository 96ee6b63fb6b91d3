import type { Fields } from './fields.js';
import { lowercase, type Normalizer } from './normalizers.js';

/** BERT's: drops control characters, sets CJK ideographs apart, and, for uncased models, drops accents and cases. */
export function bertNormalizer(fields: Fields): Normalizer {
  const clean = fields.boolean('clean_text', true);
  const chinese = fields.boolean('handle_chinese_chars', true);
  const lower = fields.boolean('lowercase', true);
  const accents = fields.boolean('strip_accents', lower);
  return (text) => {
    let result = text;
    if (clean) result = result.replace(DROPPED, '').replace(/\p{White_Space}/gu, ' ');
    if (chinese) result = result.replace(IDEOGRAPH, ' $& ');
    if (accents) result = result.normalize('NFD').replace(/\p{Mn}/gu, '');
    return lower ? lowercase(result) : result;
  };
}

const DROPPED = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu;

// Hugging Face's tokenizers begin extension E at 2B920, not at 2B820
const IDEOGRAPH =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
