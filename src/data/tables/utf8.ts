import { createReadStream } from 'node:fs';
import { TruecastError } from '../../support/errors.js';

/** Longest line or record, in bytes: what is longer is no row of text but another kind of file. */
export const LONGEST_ROW = 64 * 2 ** 20;

const remedy = 'save it as UTF-8 (iconv -f ENCODING -t UTF-8 FILE)';

export interface Line {
  /** From 1. */
  number: number;
  /** Undefined where the bytes are no UTF-8. */
  text: string | undefined;
}

/** The lines of a file, without line ends and byte order mark, read piece by piece. */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let number = 0;
  const line = (bytes: Uint8Array): Line => {
    number++;
    try {
      const text = decoder.decode(bytes).replace(/\r$/, '');
      return { number, text: number === 1 ? text.replace(/^\uFEFF/, '') : text };
    } catch {
      return { number, text: undefined };
    }
  };
  let pieces: Buffer[] = [];
  let pending = 0;
  for await (const chunk of checkedBytes(path)) {
    let begin = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, begin)) {
      yield line(Buffer.concat([...pieces, chunk.subarray(begin, end)]));
      pieces = [];
      pending = 0;
      begin = end + 1;
    }
    pieces.push(chunk.subarray(begin));
    pending += chunk.length - begin;
    if (pending > LONGEST_ROW) {
      throw new TruecastError(
        `${path}:${number + 1}: a line of more than ${LONGEST_ROW / 2 ** 20} MiB`,
        'JSON lines have one row per line; name a JSON file .json',
      );
    }
  }
  if (pending > 0) yield line(Buffer.concat(pieces));
}

/** The text of a file, piece by piece, without byte order mark. Throws a TruecastError where it is no UTF-8. */
export async function* readTextPieces(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let lines = 1;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw new TruecastError(`${path}: not UTF-8 in or after line ${lines}`, remedy);
    }
  };
  for await (const chunk of checkedBytes(path)) {
    yield decode(chunk);
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
  }
  yield decode();
}

/** The bytes of a file; UTF-16 is recognised by its mark, and refused by its name. */
async function* checkedBytes(path: string): AsyncGenerator<Buffer> {
  let first = true;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const mark = first && chunk.length >= 2 ? chunk.readUInt16BE(0) : 0;
    if (mark === 0xfffe || mark === 0xfeff) throw new TruecastError(`${path}: UTF-16, not UTF-8`, remedy);
    first = false;
    yield chunk;
  }
}
