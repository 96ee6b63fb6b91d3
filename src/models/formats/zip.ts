import { TruecastError } from '../../support/errors.js';
import type { WeightBytes } from './bytes.js';

/** Where a stored entry's bytes lie in the file. */
export interface ZipEntry {
  begin: number;
  size: number;
}

/** A central directory of more is refused: PyTorch writes some 100 bytes per tensor. */
const LARGEST_DIRECTORY = 64 * 2 ** 20;
const WIDE = 0xffffffff;
const REMEDY = 'copy it again';

/**
 * The entries of a zip archive by name (APPNOTE 6.3: end record, zip64, central directory, local headers).
 * Checksums are not looked at; sizes and offsets are checked against the file.
 *
 * @throws TruecastError where it is no zip, is damaged, or has an entry that is compressed or encrypted
 */
export function readZip(file: WeightBytes): Map<string, ZipEntry> {
  const damaged = (what: string) =>
    new TruecastError(`not a zip archive that can be read: ${file.path}: ${what}`, REMEDY);
  const { count, begin, size } = findDirectory(file, damaged);
  const directory = read(file, begin, size);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || directory.readUInt32LE(at) !== 0x02014b50)
      throw damaged(`its directory ends after ${i} of ${count} entries`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) => directory.readUInt16LE(at + o));
    const next = at + 46 + nameLength! + extraLength! + commentLength!;
    if (next > size) throw damaged(`its directory ends within entry ${i + 1} of ${count}`);
    const nameBytes = directory.subarray(at + 46, at + 46 + nameLength!);
    const name = nameBytes.toString('utf8');
    const flags = directory.readUInt16LE(at + 8);
    const method = directory.readUInt16LE(at + 10);
    if (flags & 0x2041)
      throw new TruecastError(`${file.path}: entry ${name} is encrypted`, 'decrypt it first');
    if (method !== 0)
      throw new TruecastError(
        `${file.path}: entry ${name} is compressed (method ${method})`,
        'write the file with torch.save, which stores its entries',
      );
    const extra = directory.subarray(at + 46 + nameLength!, at + 46 + nameLength! + extraLength!);
    const [plain, packed, offset] = wideFields(
      [24, 20, 42].map((o) => directory.readUInt32LE(at + o)),
      extra,
      () => damaged(`entry ${name} has no proper zip64 sizes`),
    );
    if (plain !== packed) throw damaged(`entry ${name} is stored and has two sizes, ${plain} and ${packed}`);
    if (entries.has(name)) throw damaged(`it has two entries ${name}`);
    entries.set(name, locate(file, { name, nameBytes, offset: offset!, size: plain!, end: begin }, damaged));
    at = next;
  }
  return entries;
}

function read(file: WeightBytes, begin: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  file.read(begin, bytes, 'its zip directory');
  return bytes;
}

/** Where the entry's bytes begin, by its local header, which lies before the directory at `end`. */
function locate(
  file: WeightBytes,
  entry: { name: string; nameBytes: Buffer; offset: number; size: number; end: number },
  damaged: (what: string) => TruecastError,
): ZipEntry {
  const { name, nameBytes, offset, size, end } = entry;
  if (offset + 30 + nameBytes.length > end)
    throw damaged(`entry ${name} begins at byte ${offset}, its directory at ${end}`);
  const local = read(file, offset, 30 + nameBytes.length);
  if (local.readUInt32LE(0) !== 0x04034b50) throw damaged(`entry ${name} has no header at byte ${offset}`);
  if (local.readUInt16LE(26) !== nameBytes.length || !local.subarray(30).equals(nameBytes))
    throw damaged(`the header at byte ${offset} is not that of entry ${name}`);
  const begin = offset + local.length + local.readUInt16LE(28);
  if (begin + size > end)
    throw damaged(`entry ${name} ends at byte ${begin + size}, its directory begins at ${end}`);
  return { begin, size };
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
function findDirectory(
  file: WeightBytes,
  damaged: (what: string) => TruecastError,
): { count: number; begin: number; size: number } {
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
