import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { ZipArchive, type ZipMember, type ZipSource } from '../../models/formats/zip.js';
import { messageOf, TruecastError } from '../../support/errors.js';
import { LIMITS } from './limits.js';

/** Sizes come after the entry's bytes. */
const DESCRIPTOR = 8;
const WIDE = 0xffffffff;

/** A zip archive in memory, of which one entry at a time is unpacked, or replaced. */
export class ZipBytes {
  private constructor(
    private readonly bytes: Buffer,
    private readonly path: string,
    readonly archive: ZipArchive,
  ) {}

  /** @throws TruecastError where it is damaged, claims too much, or an entry's name leads out of a folder */
  static open(bytes: Buffer, path: string): ZipBytes {
    const archive = ZipArchive.open(sourceOf(bytes, path));
    const entries = archive.entries();
    const refuse = (what: string) => new TruecastError(`${path}: ${what}`, 'export the card again');
    if (entries.size > LIMITS.entries) throw refuse(`${entries.size} entries, at most ${LIMITS.entries}`);
    let total = 0;
    for (const [name, { size, packedSize }] of entries) {
      if (!isSafeName(name)) throw refuse(`entry ${JSON.stringify(name)} leads out of the archive`);
      if (size > (packedSize + 16) * LIMITS.ratio)
        throw refuse(`entry ${name} claims to unpack from ${packedSize} to ${size} bytes`);
      total += size;
    }
    if (total > LIMITS.unpacked) throw refuse(`it claims to unpack to ${total} bytes`);
    return new ZipBytes(bytes, path, archive);
  }

  /** The bytes of an entry, checked against its size and checksum; undefined where there is none. */
  read(name: string, limit: number): Buffer | undefined {
    const member = this.archive.member(name);
    if (member === undefined) return undefined;
    const { size, crc } = member;
    if (size > limit)
      throw this.refuse(`${name} has ${size} bytes, at most ${limit} are read`, 'make it smaller');
    const data = this.unpack(name, member);
    if (data.length !== size) throw this.refuse(`${name} has ${data.length} bytes, ${size} were said`);
    if (crc32(data) !== crc) throw this.refuse(`${name} has a wrong checksum`);
    return data;
  }

  private unpack(name: string, { method, begin, packedSize, size }: ZipMember): Buffer {
    const packed = this.bytes.subarray(begin, begin + packedSize);
    if (method === 0) return packed;
    if (method !== 8)
      throw this.refuse(`${name} is packed by method ${method}`, 'pack it with deflate, or not at all');
    try {
      // more than it says is more than we make room for
      return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
    } catch (error) {
      throw this.refuse(`${name} cannot be unpacked to ${size} bytes: ${messageOf(error)}`);
    }
  }

  /** The archive with other bytes in an entry; those of all others stay as they are, and move. */
  with(name: string, data: Buffer): Buffer {
    const member = this.archive.member(name);
    if (!member) throw new Error(`no entry ${name}`);
    const { offset, begin, packedSize, method } = member;
    const packed = method === 0 ? data : deflateRawSync(data, { level: 9 });
    const header = Buffer.from(this.bytes.subarray(offset, begin));
    describe(header, 6, 14, data, packed);
    const end = begin + packedSize + this.descriptorSize(member);
    const moved = begin - offset + packed.length - (end - offset);
    const { begin: at, size } = this.archive.directory;
    const directory = Buffer.from(this.bytes.subarray(at, at + size));
    for (let record = 0; record + 46 <= size && directory.readUInt32LE(record) === 0x02014b50; ) {
      const fields = [20, 24, 42].map((field) => directory.readUInt32LE(record + field));
      if (fields.includes(WIDE))
        throw this.refuse('it is a zip64 archive, whose entries are not replaced', 'pack it without zip64');
      if (fields[2] === offset) describe(directory.subarray(record), 8, 16, data, packed);
      else if (fields[2]! > offset) directory.writeUInt32LE(fields[2]! + moved, record + 42);
      record += 46 + [28, 30, 32].reduce((sum, field) => sum + directory.readUInt16LE(record + field), 0);
    }
    const tail = Buffer.from(this.bytes.subarray(at + size));
    if (tail.readUInt32LE(0) !== 0x06054b50)
      throw this.refuse('something stands between its directory and its end', 'pack it again, without zip64');
    tail.writeUInt32LE(at + moved, 16);
    const [before, after] = [this.bytes.subarray(0, offset), this.bytes.subarray(end, at)];
    return Buffer.concat([before, header, packed, after, directory, tail]);
  }

  /** Bytes of the sizes that follow an entry: with or without a signature. */
  private descriptorSize({ flags, begin, packedSize, crc }: ZipMember): number {
    if (!(flags & DESCRIPTOR)) return 0;
    const at = begin + packedSize;
    if (at + 16 > this.bytes.length) return 0;
    if (this.bytes.readUInt32LE(at) === 0x08074b50 && this.bytes.readUInt32LE(at + 4) === crc) return 16;
    return this.bytes.readUInt32LE(at) === crc ? 12 : 0;
  }

  private refuse(what: string, remedy = 'export the card again'): TruecastError {
    return new TruecastError(`${this.path}: ${what}`, remedy);
  }
}

/** Writes an entry's checksum and sizes into its header, and that they stand there. */
function describe(header: Buffer, flagsAt: number, crcAt: number, data: Buffer, packed: Buffer): void {
  header.writeUInt16LE(header.readUInt16LE(flagsAt) & ~DESCRIPTOR, flagsAt);
  header.writeUInt32LE(crc32(data), crcAt);
  header.writeUInt32LE(packed.length, crcAt + 4);
  header.writeUInt32LE(data.length, crcAt + 8);
}

/** Relative, of plain parts, and the same on every system. */
function isSafeName(name: string): boolean {
  const parts = name.split('/');
  return !name.startsWith('/') && !/[\\\0]|^[A-Za-z]:/.test(name) && !parts.includes('..');
}

function sourceOf(bytes: Buffer, path: string): ZipSource {
  return {
    path,
    size: bytes.length,
    read(begin, into, what) {
      if (begin + into.length > bytes.length)
        throw new TruecastError(`${path} ends within ${what}`, 'copy it again');
      into.set(bytes.subarray(begin, begin + into.length));
    },
  };
}
