import { crc32, deflateRawSync, deflateSync } from 'node:zlib';

/** Builders of character cards and their files, byte by byte. */

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export function chunk(type: string, data: Buffer | string): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), Buffer.from(data as Buffer)]);
  return Buffer.concat([u32(body.length - 4), body, u32(crc32(body))]);
}

const nul = Buffer.from([0]);
export const base64 = (json: string | Buffer) => Buffer.from(Buffer.from(json as string).toString('base64'));

export const tEXt = (keyword: string, text: Buffer | string) =>
  chunk('tEXt', Buffer.concat([Buffer.from(keyword, 'latin1'), nul, Buffer.from(text as Buffer)]));

export const zTXt = (keyword: string, text: Buffer) =>
  chunk('zTXt', Buffer.concat([Buffer.from(keyword, 'latin1'), nul, nul, deflateSync(text)]));

export function iTXt(keyword: string, text: Buffer, packed = false): Buffer {
  const head = Buffer.concat([Buffer.from(keyword, 'latin1'), Buffer.from([0, packed ? 1 : 0, 0])]);
  const languages = Buffer.concat([Buffer.from('en'), nul, Buffer.from('Karte'), nul]);
  return chunk('iTXt', Buffer.concat([head, languages, packed ? deflateSync(text) : text]));
}

export const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** A picture of one grey pixel, with chunks before and after its data, and whatever follows its end. */
export function pngOf(before: Buffer[], after: Buffer[] = [], trailing = Buffer.alloc(0)): Buffer {
  const header = Buffer.concat([u32(1), u32(1), Buffer.from([8, 0, 0, 0, 0])]);
  const pixels = chunk('IDAT', deflateSync(Buffer.from([0, 128])));
  const picture = [SIGNATURE, chunk('IHDR', header), ...before, pixels, ...after, chunk('IEND', '')];
  return Buffer.concat([...picture, trailing]);
}

export interface Packed {
  name: string;
  data: Buffer | string;
  deflate?: boolean;
  /** Checksum and sizes follow the data, with or without their signature. */
  descriptor?: 'signed' | 'bare';
  /** What the archive claims instead of the truth. */
  claims?: { size?: number; crc?: number; flags?: number; method?: number };
}

/** A ZIP archive with extra fields and a comment. */
export function zipArchive(entries: readonly Packed[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, deflate = true, descriptor, claims = {} } of entries) {
    const raw = Buffer.from(data as Buffer);
    const body = deflate ? deflateRawSync(raw) : raw;
    const nameBytes = Buffer.from(name);
    const sums = Buffer.alloc(12);
    sums.writeUInt32LE(claims.crc ?? crc32(raw), 0);
    sums.writeUInt32LE(body.length, 4);
    sums.writeUInt32LE(claims.size ?? raw.length, 8);
    const common = Buffer.alloc(10);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(claims.flags ?? (descriptor ? 0x808 : 0x800), 2);
    common.writeUInt16LE(claims.method ?? (deflate ? 8 : 0), 4);
    common.writeUInt32LE(0x5a3c6b21, 6);
    const lengths = Buffer.alloc(4);
    lengths.writeUInt16LE(nameBytes.length, 0);
    const extra = Buffer.from([0x42, 0x46, 2, 0, 7, 7]);
    lengths.writeUInt16LE(extra.length, 2);
    const localSums = descriptor ? Buffer.alloc(12) : sums;
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, localSums, lengths, nameBytes, extra]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), common, sums, lengths, tail, nameBytes, extra]),
    );
    const after =
      descriptor === 'signed'
        ? [Buffer.from('PK\x07\x08', 'latin1'), sums]
        : descriptor === 'bare'
          ? [sums]
          : [];
    const entry = Buffer.concat([local, body, ...after]);
    parts.push(entry);
    at += entry.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(Buffer.byteLength(comment), 20);
  return Buffer.concat([...parts, listed, end, Buffer.from(comment)]);
}

/** The JSON of a card of each version, spelt as nobody would write it twice: the tests look at its bytes. */
export const CARD_JSON: Record<1 | 2 | 3, string> = {
  1: `{ "name": "Mara Venn",\n  "description": "{{char}} repairs clocks.",  "personality":"quiet",
  "scenario": "", "first_mes": "Come in, {{user}}.", "mes_example": "<START>\\n{{user}}: Have you travelled?\\n{{char}}: Never.",
  "x_unknown": [1.0, 1e3, "\\u00e9"], "description2": {"name": "other"} }`,
  2: `{"spec":"chara_card_v2","spec_version":"2.0",
 "name": "Mara Venn", "description": "{{char}} repairs clocks.",
 "data":{"name":"Mara Venn","description":"{{char}} repairs clocks.","personality":"quiet","scenario":"","first_mes":"Come in.",
 "mes_example":"","creator_notes":"notes","system_prompt":"Stay.","post_history_instructions":"","alternate_greetings":["Yes?"],
 "character_book":{"extensions":{"k":1.50},"entries":[{"keys":["Leith"],"content":"Leith is a port.","extensions":{},"enabled":true,"insertion_order":7,"constant":true,"id":3}]},
 "tags":["clock"],"creator":"nobody","character_version":"1","extensions":{"deep":{"a":[1,2,{"b":null}]}}},"create_date":1700000000000.0}\n`,
  3: `{"spec":"chara_card_v3","spec_version":"3.0","data":{"name":"爱丽丝·卡特","nickname":"爱丽丝","description":"{{char}}住在海边。{{char}}会弹吉他。",
"tags":[],"creator":"","character_version":"","mes_example":"","extensions":{"语":"中"},"system_prompt":"","post_history_instructions":"","first_mes":"你好","alternate_greetings":[],"personality":"内向","scenario":"","creator_notes":"",
"group_only_greetings":[],"assets":[{"type":"icon","uri":"embeded://assets/icon/images/main.png","name":"main","ext":"png"}],
"character_book":{"extensions":{},"entries":[{"keys":["吉他"],"content":"@@depth 4\\n@@@role system\\n\\n吉他是木头做的。","extensions":{},"enabled":true,"insertion_order":1,"use_regex":false}]}}}`,
};
