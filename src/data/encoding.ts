import { statSync } from 'node:fs';
import { TruecastError } from '../support/errors.js';
import { readBytes } from '../support/files.js';
import { bytesText } from '../support/numbers.js';

/** The bytes of a file of at most `limit` bytes, which is looked at before anything is read. */
export function readBounded(path: string, what: string, limit: number): Buffer {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status && !status.isFile()) {
    throw new TruecastError(`${what} is no file: ${path}`, 'name a file');
  }
  if (status && status.size > limit) {
    throw new TruecastError(
      `${what} is too large: ${path} has ${bytesText(status.size)}, at most ${bytesText(limit)} are read`,
      'split it, or take out what is not text',
    );
  }
  return readBytes(path, what);
}

/**
 * The text of bytes in UTF-8 (with or without its mark), or in UTF-16 with a byte order mark.
 * @throws TruecastError that names the line and byte where the encoding breaks
 */
export function decodeText(bytes: Buffer, where: string): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decodeUtf16(bytes, 'utf-16le', where);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decodeUtf16(bytes, 'utf-16be', where);
  const text = decodeUtf8(bytes, where);
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** The text of UTF-8 bytes, a byte order mark kept as U+FEFF: encoded again, it gives the same bytes. */
export function decodeUtf8(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const at = validPrefix(bytes);
    throw new TruecastError(
      `${where}: line ${lineAt(bytes, at)}, byte ${at}: not UTF-8 (0x${bytes[at]?.toString(16).padStart(2, '0') ?? ''})`,
      'save it as UTF-8',
    );
  }
}

function decodeUtf16(bytes: Buffer, encoding: 'utf-16le' | 'utf-16be', where: string): string {
  const body = Buffer.from(bytes.subarray(2));
  if (body.length % 2 === 1) {
    throw new TruecastError(`${where}: UTF-16 with half a character at its end`, 'copy it again');
  }
  if (encoding === 'utf-16be') body.swap16();
  const text = body.toString('utf16le');
  const lone = /\p{Surrogate}/u.exec(text);
  if (lone) {
    const line = text.slice(0, lone.index).split('\n').length;
    throw new TruecastError(
      `${where}: line ${line}, byte ${2 + 2 * lone.index}: half a character in UTF-16`,
      'save it as UTF-8',
    );
  }
  return text;
}

/** Where UTF-8 breaks first. */
function validPrefix(bytes: Buffer): number {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    // in the stream's mode a character that is cut off at the end is none that is wrong
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      low = middle;
    } catch {
      high = middle - 1;
    }
  }
  // the character that is broken began up to three bytes before
  for (let back = 1; back <= 3 && back <= low; back++) {
    const byte = bytes[low - back]!;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (length > back) return low - back;
    if (byte < 0x80 || byte >= 0xc0) break;
  }
  return Math.min(low, Math.max(0, bytes.length - 1));
}

function lineAt(bytes: Buffer, at: number): number {
  let line = 1;
  for (let i = 0; i < at; i++) if (bytes[i] === 10) line++;
  return line;
}
