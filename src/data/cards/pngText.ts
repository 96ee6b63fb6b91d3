import { deflateSync, inflateSync } from 'node:zlib';
import { messageOf, TruecastError } from '../../support/errors.js';
import type { PngChunk } from './png.js';

/** A chunk of text: its keyword, and its text in the bytes that it is written in. */
export interface PngText {
  keyword: string;
  /** @throws TruecastError where it unpacks to more than `limit` bytes, or cannot be unpacked */
  read(limit: number): Buffer;
  /** The chunk's data with another text in it. */
  withText(text: Buffer): Buffer;
}

/** The text of a tEXt, zTXt or iTXt chunk (PNG, third edition, 11.3.3); undefined for every other chunk. */
export function pngText({ type, data, begin }: PngChunk, path: string): PngText | undefined {
  if (type !== 'tEXt' && type !== 'zTXt' && type !== 'iTXt') return undefined;
  const nul = data.indexOf(0);
  if (nul < 0) return undefined;
  const keyword = data.toString('latin1', 0, nul);
  const name = `chunk ${type} "${keyword.slice(0, 80)}" at byte ${begin} of ${path}`;
  const textBegin = type === 'tEXt' ? nul + 1 : type === 'zTXt' ? nul + 2 : internationalText(data, nul);
  if (textBegin === undefined || textBegin > data.length) return { keyword, ...unreadable(name) };
  const packed = type === 'zTXt' || (type === 'iTXt' && data[nul + 1] === 1);
  const head = data.subarray(0, textBegin);
  const body = data.subarray(textBegin);
  return {
    keyword,
    read: (limit) => (packed ? inflate(body, limit, name) : within(body, limit, name)),
    withText: (text) => Buffer.concat([head, packed ? deflateSync(text, { level: 9 }) : text]),
  };
}

/** Where the text of an iTXt chunk begins: after two bytes on its packing, its language and its keyword in that. */
function internationalText(data: Buffer, nul: number): number | undefined {
  const language = data.indexOf(0, nul + 3);
  const translated = language < 0 ? -1 : data.indexOf(0, language + 1);
  return translated < 0 ? undefined : translated + 1;
}

function unreadable(name: string): Pick<PngText, 'read' | 'withText'> {
  const refuse = (): never => {
    throw new TruecastError(`${name} ends before its text`, 'export the card again');
  };
  return { read: refuse, withText: refuse };
}

function within(body: Buffer, limit: number, name: string): Buffer {
  if (body.length <= limit) return body;
  throw new TruecastError(`${name} has ${body.length} bytes, at most ${limit} are read`, 'make it smaller');
}

function inflate(body: Buffer, limit: number, name: string): Buffer {
  try {
    return inflateSync(body, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new TruecastError(`${name} unpacks to more than ${limit} bytes`, 'make it smaller');
    throw new TruecastError(`${name} cannot be unpacked: ${messageOf(error)}`, 'export the card again');
  }
}
