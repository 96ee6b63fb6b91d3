import { TruecastError } from '../../support/errors.js';
import { decodeUtf8 } from '../encoding.js';
import { JsonText } from './jsonText.js';
import { LIMITS } from './limits.js';
import { isPng, pngChunkBytes, pngChunks } from './png.js';
import { pngText } from './pngText.js';
import { ZipBytes } from './zipBytes.js';

export type CardContainer = 'png' | 'json' | 'charx';

/** A JSON text in a card's file. */
export interface CardText {
  /** `chunk ccv3`, `card.json`, …; empty where it is the whole file. */
  place: string;
  json: JsonText;
}

/** The file of a card: the JSON texts in it, and the file with others in their place. */
export interface CardFile {
  container: CardContainer;
  texts: readonly CardText[];
  /** Files that came along, by name, with their unpacked sizes. */
  files: readonly { name: string; size: number }[];
  /** The file with these texts, one for each of `texts`; what they are not is as it was. */
  with(texts: readonly JsonText[]): Buffer;
}

/**
 * Finds the card texts in a PNG or APNG (chunks `ccv3` and `chara`), a CHARX (card.json) or a JSON file; what
 * it is, its bytes say. @throws TruecastError where it is none of them, or damaged
 */
export function openCardFile(bytes: Buffer, path: string): CardFile {
  if (bytes.length > LIMITS.file)
    throw new TruecastError(
      `${path} has ${bytes.length} bytes, at most ${LIMITS.file} are read`,
      'make it smaller',
    );
  if (isPng(bytes)) return openPng(bytes, path);
  if (bytes.subarray(0, 2).toString('latin1') === 'PK') return openCharx(bytes, path);
  if (/^[\s\uFEFF]*\{/.test(bytes.toString('utf8', 0, 64))) return openJson(bytes, path);
  throw new TruecastError(
    `neither a PNG, nor a CHARX, nor JSON: ${path}`,
    'export the card as PNG, CHARX or JSON (JPEG, WebP and other pictures hold no card)',
  );
}

function openJson(bytes: Buffer, path: string): CardFile {
  const json = JsonText.parse(decodeUtf8(bytes, path), path);
  return {
    container: 'json',
    texts: [{ place: '', json }],
    files: [],
    with: ([text]) => (text === json ? bytes : Buffer.from(text!.text)),
  };
}

function openCharx(bytes: Buffer, path: string): CardFile {
  const zip = ZipBytes.open(bytes, path);
  const data = zip.read('card.json', LIMITS.json);
  if (data === undefined)
    throw new TruecastError(`no card in ${path}: it has no card.json`, 'give a CHARX, not another ZIP file');
  const json = JsonText.parse(decodeUtf8(data, `card.json in ${path}`), `card.json in ${path}`);
  return {
    container: 'charx',
    texts: [{ place: 'card.json', json }],
    files: [...zip.archive.entries()]
      .filter(([name]) => name !== 'card.json' && !name.endsWith('/'))
      .map(([name, { size }]) => ({ name, size })),
    with: ([text]) => (text === json ? bytes : zip.with('card.json', Buffer.from(text!.text))),
  };
}

function openPng(bytes: Buffer, path: string): CardFile {
  const chunks = pngChunks(bytes, path);
  let left: number = LIMITS.allJson;
  const found = chunks.flatMap((chunk) => {
    const text = pngText(chunk, path);
    if (text === undefined || !['ccv3', 'chara'].includes(text.keyword.toLowerCase())) return [];
    const place = `chunk ${text.keyword} at byte ${chunk.begin}`;
    // base64 takes four bytes for three, and maybe line breaks
    const coded = text.read(Math.min(left * 2, LIMITS.json * 1.5));
    const { decoded, encode } = plain(coded, `${place} of ${path}`);
    left -= decoded.length;
    if (left < 0)
      throw new TruecastError(`${path}: its cards are too large together`, 'remove the unused ones');
    const json = JsonText.parse(decodeUtf8(decoded, `${place} of ${path}`), `${place} of ${path}`);
    return [{ chunk, text, place, json, encode }];
  });
  if (found.length === 0)
    throw new TruecastError(
      `no card in ${path}: a picture without a chunk ccv3 or chara`,
      'download the original: sites and messengers that shrink pictures throw the card away',
    );
  if (found.length > LIMITS.cardChunks)
    throw new TruecastError(`${path} has ${found.length} card chunks`, 'remove the unused ones');
  return {
    container: 'png',
    texts: found,
    files: [],
    with(texts) {
      const parts: Buffer[] = [];
      let at = 0;
      found.forEach(({ chunk, text, json, encode }, i) => {
        if (texts[i] === json) return;
        const data = text.withText(encode(Buffer.from(texts[i]!.text)));
        parts.push(bytes.subarray(at, chunk.begin), pngChunkBytes(chunk.type, data));
        at = chunk.end;
      });
      return at === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(at)]);
    },
  };
}

/** The text in a chunk is base64 of UTF-8; some programs write the JSON itself. */
function plain(coded: Buffer, where: string): { decoded: Buffer; encode: (text: Buffer) => Buffer } {
  const text = coded.toString('latin1');
  if (/^\s*\{/.test(text)) return { decoded: coded, encode: (bytes) => bytes };
  const base64 = text.replace(/[\s\0]+/g, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(base64) || base64.length % 4 === 1)
    throw new TruecastError(`${where} is neither base64 nor JSON`, 'export the card again');
  const decoded = Buffer.from(base64, 'base64');
  return { decoded, encode: (bytes) => Buffer.from(bytes.toString('base64'), 'latin1') };
}
