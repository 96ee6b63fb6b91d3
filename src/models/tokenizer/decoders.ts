import { byteText } from './byteLevel.js';
import type { Fields } from './fields.js';
import { readPattern } from './pattern.js';
import { prependScheme } from './preTokenizers.js';

/** From tokens to tokens that are nearer to a text; their concatenation after the last decoder is the text. */
export type Decoder = (tokens: string[]) => string[];

/** What tokenizer.json's `decoder` makes of tokens. */
export function readDecoder(fields: Fields): Decoder {
  const { type } = fields;
  switch (type) {
    case 'Sequence': {
      const steps = fields.objects('decoders').map(readDecoder);
      return (tokens) => steps.reduce((result, step) => step(result), tokens);
    }
    case 'Replace': {
      const pattern = readPattern(fields);
      const content = fields.string('content');
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
    }
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Strip': {
      const content = fields.string('content');
      const [start, stop] = [fields.count('start'), fields.count('stop')];
      return (tokens) => tokens.map((token) => strip(token, content, start, stop));
    }
    case 'ByteLevel':
      return (tokens) => [byteText(tokens)];
    case 'Metaspace': {
      const mark = fields.string('replacement', '▁');
      const prepended = prependScheme(fields) !== 'never';
      return (tokens) =>
        tokens.map((token, i) => token.replaceAll(mark, () => (i === 0 && prepended ? '' : ' ')));
    }
    case 'WordPiece': {
      const prefix = fields.string('prefix', '##');
      const cleanup = fields.boolean('cleanup', true) ? cleanUp : (text: string) => text;
      return (tokens) =>
        tokens.map((token, i) => {
          if (i === 0) return cleanup(token);
          return cleanup(token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
        });
    }
    default:
      return fields.refuse(`: decoder ${type} is not supported`);
  }
}

/** Runs of byte tokens as the text that they spell; a run that is no UTF-8 as a replacement mark per byte. */
function byteFallback(tokens: string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) result.push(utf8(bytes) ?? '\ufffd'.repeat(bytes.length));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([\dA-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) {
      bytes.push(Number.parseInt(byte, 16));
      continue;
    }
    flush();
    result.push(token);
  }
  flush();
  return result;
}

const strict = new TextDecoder('utf8', { fatal: true, ignoreBOM: true });
function utf8(bytes: number[]): string | undefined {
  try {
    return strict.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** Without up to `start` and `stop` of a character at its ends. */
function strip(token: string, content: string, start: number, stop: number): string {
  const characters = [...token];
  let [from, to] = [0, characters.length];
  while (from < Math.min(start, to) && characters[from] === content) from++;
  for (let i = 0; i < stop && to > from && characters[to - 1] === content; i++) to--;
  return characters.slice(from, to).join('');
}

/** BERT's: no blanks before marks and English contractions. */
function cleanUp(text: string): string {
  return CLEANED.reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

const CLEANED: [string, string][] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];
