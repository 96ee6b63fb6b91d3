export interface EntryToZip {
  name: string;
  data: Uint8Array;
  /** General purpose flags, compression method: of an entry that is not what it should be. */
  flags?: number;
  method?: number;
  /** Sizes and offset in the zip64 field, as of files beyond 4 GiB. */
  wide?: boolean;
}

/** A zip archive of stored entries, checksums left out; zip64 throughout where `wide`. */
export function zipOf(entries: readonly EntryToZip[], { wide = false, comment = '' } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, flags = 0, method = 0, wide: wideEntry = wide } of entries) {
    const nameBytes = Buffer.from(name, 'utf8');
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(flags, 6);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(nameBytes.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(flags, 8);
    central.writeUInt16LE(method, 10);
    central.writeUInt16LE(nameBytes.length, 28);
    // another field comes first, which is to be skipped
    const extra = wideEntry
      ? Buffer.concat([field(0x4246, Buffer.alloc(3)), field(1, numbers(data.length, data.length, at))])
      : Buffer.alloc(0);
    central.writeUInt16LE(extra.length, 30);
    for (const offset of [20, 24]) central.writeUInt32LE(wideEntry ? 0xffffffff : data.length, offset);
    central.writeUInt32LE(wideEntry ? 0xffffffff : at, 42);
    directory.push(central, nameBytes, extra);
    parts.push(local, nameBytes, Buffer.from(data));
    at += local.length + nameBytes.length + data.length;
  }
  const size = Buffer.concat(directory).length;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  for (const offset of [8, 10]) end.writeUInt16LE(wide ? 0xffff : entries.length, offset);
  end.writeUInt32LE(wide ? 0xffffffff : size, 12);
  end.writeUInt32LE(wide ? 0xffffffff : at, 16);
  end.writeUInt16LE(comment.length, 20);
  const wideEnd = Buffer.alloc(wide ? 76 : 0);
  if (wide) {
    wideEnd.writeUInt32LE(0x06064b50, 0);
    wideEnd.writeBigUInt64LE(44n, 4);
    numbers(entries.length, entries.length, size, at).copy(wideEnd, 24);
    wideEnd.writeUInt32LE(0x07064b50, 56);
    wideEnd.writeBigUInt64LE(BigInt(at + size), 64);
    wideEnd.writeUInt32LE(1, 72);
  }
  return Buffer.concat([...parts, ...directory, wideEnd, end, Buffer.from(comment, 'latin1')]);
}

function field(id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(body.length, 2);
  return Buffer.concat([head, body]);
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => {
    bytes.writeBigUInt64LE(BigInt(value), 8 * i);
  });
  return bytes;
}
