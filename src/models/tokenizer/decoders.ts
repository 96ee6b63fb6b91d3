import type { Fields } from './fields.js';
import { type Decoder, library } from './library.js';
import { readPattern, replaced } from './pattern.js';
import { prependScheme } from './preTokenizers.js';

/** The library's decoder for tokenizer.json's `decoder`, corrected where it departs from Hugging Face's Rust package. */
export function readDecoder(fields: Fields): Decoder {
  const { type } = fields;
  switch (type) {
    case 'Sequence': {
      const sequence = new library.SequenceDecoder({ type, decoders: [] });
      sequence.decoders = fields.objects('decoders').map(readDecoder);
      return sequence;
    }
    case 'Replace':
      return new library.ReplaceDecoder(replaced(readPattern(fields), fields.string('content')));
    case 'ByteFallback': {
      const decoder = new library.ByteFallbackDecoder({ type });
      decoder.text_decoder = { decode: utf8 };
      return decoder;
    }
    case 'Fuse':
      return new library.FuseDecoder({ type });
    case 'Strip': {
      const [content, start, stop] = [fields.string('content'), fields.count('start'), fields.count('stop')];
      return new library.StripDecoder({ type, content, start, stop });
    }
    case 'ByteLevel':
      return new library.ByteLevelDecoder({ type });
    case 'Metaspace':
      return new WholeMetaspace(fields.string('replacement', '▁'), prependScheme(fields) !== 'never');
    case 'WordPiece':
      return new library.WordPieceDecoder({
        type,
        prefix: fields.string('prefix', '##'),
        cleanup: fields.boolean('cleanup', true),
      });
    default:
      return fields.refuse(`: decoder ${type} is not supported`);
  }
}

const strict = new TextDecoder('utf8', { fatal: true, ignoreBOM: true });

/** A run of bytes that is no UTF-8 becomes a replacement mark per byte; the library loses marks, and a U+FEFF. */
function utf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return '\ufffd'.repeat(bytes.length);
  }
}

/** Drops the marks of the first token, all of them, where texts get one; the library drops one in any case. */
class WholeMetaspace extends library.MetaspaceDecoder {
  constructor(
    replacement: string,
    private readonly prepended: boolean,
  ) {
    super({ type: 'Metaspace', replacement });
  }

  override decode_chain(tokens: string[]): string[] {
    const blank = (i: number) => (i === 0 && this.prepended ? '' : ' ');
    return tokens.map((token, i) => token.replaceAll(this.replacement, blank(i)));
  }
}
