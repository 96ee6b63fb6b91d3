import { crc32 } from 'node:zlib';
import { TruecastError } from '../../support/errors.js';
import { LIMITS } from './limits.js';

export interface PngChunk {
  /** Where its length field stands; it ends 12 bytes after its data. */
  begin: number;
  end: number;
  type: string;
  data: Buffer;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export function isPng(bytes: Buffer): boolean {
  return bytes.subarray(0, 8).equals(SIGNATURE);
}

/**
 * The chunks of a PNG or APNG up to its IEND (PNG, third edition, 5.3); what follows that is nobody's.
 * @throws TruecastError where a chunk is cut off, named impossibly, or has another checksum than it says
 */
export function pngChunks(bytes: Buffer, path: string): PngChunk[] {
  const damaged = (what: string) => new TruecastError(`damaged PNG: ${path}: ${what}`, 'download it again');
  const chunks: PngChunk[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw damaged(`it ends after ${chunks.length} chunks, without IEND`);
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (!/^[A-Za-z]{4}$/.test(type)) throw damaged(`no chunk begins at byte ${at}`);
    const end = at + 12 + length;
    if (end > bytes.length) throw damaged(`chunk ${type} at byte ${at} is cut off: it has ${length} bytes`);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4))
      throw damaged(`chunk ${type} at byte ${at} has a wrong checksum`);
    if (chunks.length === 0 && type !== 'IHDR') throw damaged(`it begins with ${type}, not with IHDR`);
    if (chunks.length >= LIMITS.chunks) throw damaged(`it has more than ${LIMITS.chunks} chunks`);
    chunks.push({ begin: at, end, type, data: bytes.subarray(at + 8, end - 4) });
    if (type === 'IEND') return chunks;
    at = end;
  }
}

/** A chunk as it stands in a file, with its length and checksum. */
export function pngChunkBytes(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
