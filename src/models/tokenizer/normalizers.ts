import { bertNormalizer } from './bertNormalizer.js';
import { Charsmap } from './charsmap.js';
import type { Fields } from './fields.js';
import { readPattern } from './pattern.js';

export type Normalizer = (text: string) => string;

/** What tokenizer.json's `normalizer` does to a text before it is cut. */
export function readNormalizer(fields: Fields): Normalizer {
  const { type } = fields;
  switch (type) {
    case 'Sequence': {
      const steps = fields.objects('normalizers').map(readNormalizer);
      return (text) => steps.reduce((result, step) => step(result), text);
    }
    case 'Replace': {
      const pattern = readPattern(fields);
      const content = fields.string('content');
      return (text) => text.replace(pattern, () => content);
    }
    case 'Precompiled': {
      const bytes = Buffer.from(fields.string('precompiled_charsmap'), 'base64');
      const map = new Charsmap(bytes, `${fields.where}.precompiled_charsmap`);
      return (text) => map.normalize(text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(type);
    case 'Strip': {
      const left = fields.boolean('strip_left') ? /^\p{White_Space}+/u : undefined;
      const right = fields.boolean('strip_right');
      return (text) => {
        const begun = left ? text.replace(left, '') : text;
        return right ? trimEnd(begun) : begun;
      };
    }
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '');
    case 'Prepend': {
      const prefix = fields.string('prepend');
      return (text) => (text === '' ? text : prefix + text);
    }
    case 'BertNormalizer':
      return bertNormalizer(fields);
    default:
      return fields.refuse(`: normalizer ${type} is not supported`);
  }
}

/** Character by character, unlike toLowerCase, which looks at what surrounds a Σ. */
export function lowercase(text: string): string {
  return text.replace(/[^\0-\x7f]|[A-Z]+/gu, (part) => part.toLowerCase());
}

/** Without the blanks at the end; a regular expression would try at every blank. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}
