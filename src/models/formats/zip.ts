import { TruecastError } from '../../support/errors.js';
import type { WeightBytes } from './bytes.js';

/** What an archive is read from: a file, or bytes that have been read. */
export type ZipSource = Pick<WeightBytes, 'path' | 'size' | 'read'>;

/** Where a stored entry's bytes lie in the file. */
export interface ZipEntry {
  begin: number;
  size: number;
}

/** An entry as the directory has it. */
export interface ZipListed {
  flags: number;
  /** 0: stored, 8: deflated. */
  method: number;
  crc: number;
  size: number;
  packedSize: number;
  /** Where its local header begins. */
  offset: number;
}

/** An entry whose header was found: its packed bytes lie from `begin` on. */
export interface ZipMember extends ZipListed {
  begin: number;
}

interface Listed extends ZipListed {
  nameBytes: Buffer;
}

interface Directory {
  count: number;
  begin: number;
  size: number;
}

type Damaged = (what: string) => TruecastError;

/** A central directory of more is refused: PyTorch writes some 100 bytes per tensor. */
const LARGEST_DIRECTORY = 64 * 2 ** 20;
/** Stands where the number is in the zip64 field. */
const WIDE = 0xffffffff;
/** Encrypted, strongly encrypted, or with a masked directory. */
const ENCRYPTED = 0x2041;

/**
 * A zip archive (APPNOTE 6.3: end record, zip64, central directory, local headers). Nothing is unpacked and
 * checksums are not looked at; sizes and offsets are checked against the file.
 */
export class ZipArchive {
  private constructor(
    private readonly file: ZipSource,
    private readonly listed: ReadonlyMap<string, Listed>,
    /** All entries lie before it. */
    readonly directory: Readonly<Directory>,
    private readonly damaged: Damaged,
  ) {}

  /** @throws TruecastError where the file is no zip archive, or its directory is damaged */
  static open(file: ZipSource): ZipArchive {
    const damaged = (what: string) =>
      new TruecastError(`not a zip archive that can be read: ${file.path}: ${what}`, 'copy it again');
    const directory = findDirectory(file, damaged);
    const { count, begin, size } = directory;
    return new ZipArchive(file, readDirectory(read(file, begin, size), count, damaged), directory, damaged);
  }

  names(): string[] {
    return [...this.listed.keys()];
  }

  /** The entries as the directory has them, in its order. */
  entries(): ReadonlyMap<string, ZipListed> {
    return this.listed;
  }

  /** Undefined: there is no such entry. @throws TruecastError where it is compressed, encrypted or damaged */
  entry(name: string): ZipEntry | undefined {
    const member = this.member(name);
    if (member === undefined) return undefined;
    const { method, size, packedSize, begin } = member;
    if (method !== 0)
      throw new TruecastError(
        `${this.file.path}: entry ${name} is compressed (method ${method})`,
        'write the file with torch.save, which stores its entries',
      );
    if (size !== packedSize)
      throw this.damaged(`entry ${name} is stored and has two sizes, ${size} and ${packedSize}`);
    return { begin, size };
  }

  /** As `entry`, packed in whatever way. @throws TruecastError where it is encrypted or damaged */
  member(name: string): ZipMember | undefined {
    const entry = this.listed.get(name);
    if (entry === undefined) return undefined;
    const { nameBytes, ...listed } = entry;
    const { flags, packedSize, offset } = listed;
    const end = this.directory.begin;
    if (flags & ENCRYPTED)
      throw new TruecastError(`${this.file.path}: entry ${name} is encrypted`, 'decrypt the file first');
    if (offset + 30 + nameBytes.length > end)
      throw this.damaged(`entry ${name} begins at byte ${offset}, the directory at ${end}`);
    const local = read(this.file, offset, 30 + nameBytes.length);
    if (local.readUInt32LE(0) !== 0x04034b50)
      throw this.damaged(`entry ${name} has no header at byte ${offset}`);
    if (local.readUInt16LE(26) !== nameBytes.length || !local.subarray(30).equals(nameBytes))
      throw this.damaged(`the header at byte ${offset} is not that of entry ${name}`);
    const begin = offset + local.length + local.readUInt16LE(28);
    if (begin + packedSize > end)
      throw this.damaged(`entry ${name} ends at byte ${begin + packedSize}, the directory begins at ${end}`);
    return { ...listed, begin };
  }
}

function readDirectory(directory: Buffer, count: number, damaged: Damaged): Map<string, Listed> {
  const listed = new Map<string, Listed>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50)
      throw damaged(`its directory ends after ${i} of ${count} entries`);
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    const next = extraEnd + directory.readUInt16LE(at + 32);
    if (next > directory.length) throw damaged(`its directory ends within entry ${i + 1} of ${count}`);
    const nameBytes = directory.subarray(at + 46, nameEnd);
    const name = nameBytes.toString('utf8');
    if (listed.has(name)) throw damaged(`it has two entries ${name}`);
    const [size, packedSize, offset] = wideFields(
      [24, 20, 42].map((o) => directory.readUInt32LE(at + o)),
      directory.subarray(nameEnd, extraEnd),
      () => damaged(`entry ${name} has no proper zip64 sizes`),
    ) as [number, number, number];
    const [flags, method] = [directory.readUInt16LE(at + 8), directory.readUInt16LE(at + 10)];
    const crc = directory.readUInt32LE(at + 16);
    listed.set(name, { nameBytes, flags, method, crc, size, packedSize, offset });
    at = next;
  }
  return listed;
}

function read(file: ZipSource, begin: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  file.read(begin, bytes, 'its zip directory');
  return bytes;
}

/** Sizes and offsets that 32 bits cannot hold stand in the zip64 field of the entry's extra data. */
function wideFields(fields: number[], extra: Buffer, bad: () => TruecastError): number[] {
  if (!fields.includes(WIDE)) return fields;
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    const body = extra.subarray(at + 4, at + 4 + length);
    if (extra.readUInt16LE(at) === 1) {
      let next = 0;
      return fields.map((field) => {
        if (field !== WIDE) return field;
        if (next + 8 > body.length) throw bad();
        next += 8;
        return safe(body.readBigUInt64LE(next - 8), bad);
      });
    }
    at += 4 + length;
  }
  throw bad();
}

function safe(value: bigint, bad: () => TruecastError): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw bad();
  return Number(value);
}

/** The central directory, which the end record points to; the record stands before a comment at the end. */
function findDirectory(file: ZipSource, damaged: Damaged): Directory {
  const tailSize = Math.min(file.size, 22 + 0xffff);
  const tailBegin = file.size - tailSize;
  const tail = read(file, tailBegin, tailSize);
  let at = tailSize - 22;
  while (
    at >= 0 &&
    !(tail.readUInt32LE(at) === 0x06054b50 && at + 22 + tail.readUInt16LE(at + 20) === tailSize)
  )
    at--;
  if (at < 0) throw damaged('it has no end record, so it is cut off or something else');
  let count = tail.readUInt16LE(at + 10);
  let size = tail.readUInt32LE(at + 12);
  let begin = tail.readUInt32LE(at + 16);
  let end = tailBegin + at;
  if (at >= 20 && tail.readUInt32LE(at - 20) === 0x07064b50) {
    const bad = () => damaged('its zip64 end record is not where its locator says');
    const record = safe(tail.readBigUInt64LE(at - 12), bad);
    if (record + 56 > end - 20) throw bad();
    const wide = read(file, record, 56);
    if (wide.readUInt32LE(0) !== 0x06064b50) throw bad();
    count = safe(wide.readBigUInt64LE(32), bad);
    size = safe(wide.readBigUInt64LE(40), bad);
    begin = safe(wide.readBigUInt64LE(48), bad);
    end = record;
  }
  if (begin + size > end)
    throw damaged(`its directory ends at byte ${begin + size}, its end record begins at ${end}`);
  if (size > LARGEST_DIRECTORY) throw damaged(`its directory claims ${size} bytes`);
  return { count, begin, size };
}
