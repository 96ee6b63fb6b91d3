import { inflateRawSync, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type CardChanges, cardOf, readCard, updateCard } from '../../src/data/index.js';
import {
  base64,
  CARD_JSON,
  chunk,
  iTXt,
  type Packed,
  pngOf,
  tEXt,
  zipArchive,
  zTXt,
} from '../helpers/cards.js';
import { refusal } from '../helpers/refusal.js';

type Version = 1 | 2 | 3;
const other = tEXt('Comment', Buffer.from('made by hand, \xe9', 'latin1'));
const time = chunk('tIME', Buffer.from([7, 0xea, 1, 2, 3, 4, 5]));
const picture = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251));

/** Each container with a card in it. */
const CONTAINERS: Record<string, (json: string, version: Version) => Buffer> = {
  'PNG tEXt': (json, v) => pngOf([other, tEXt(v === 3 ? 'ccv3' : 'chara', base64(json)), time]),
  'PNG tEXt after the data, with bytes after its end': (json) =>
    pngOf([other], [tEXt('Chara', base64(json))], Buffer.from('PK and more')),
  'PNG zTXt': (json) => pngOf([zTXt('chara', base64(json)), other]),
  'PNG iTXt': (json) => pngOf([iTXt('ccv3', Buffer.from(json)), other]),
  'PNG iTXt, packed': (json) => pngOf([iTXt('chara', base64(json), true), other]),
  JSON: (json) => Buffer.from(json),
  'JSON with a mark': (json) => Buffer.from(`\uFEFF${json}`),
  CHARX: (json) => zipArchive(charx(json), 'a comment'),
  'CHARX with sizes after the data': (json) =>
    zipArchive(charx(json).map((entry, i) => ({ ...entry, descriptor: i % 2 ? 'signed' : 'bare' }))),
};

function charx(json: string): Packed[] {
  return [
    { name: 'assets/icon/images/main.png', data: picture, deflate: false },
    { name: 'card.json', data: json },
    { name: 'assets/other/猫.bin', data: picture },
  ];
}

const cases = Object.keys(CONTAINERS).flatMap((name) =>
  ([1, 2, 3] as const).map((version) => [name, version] as [string, Version]),
);

/** What is in `after` and not in `before`: both ends that they share are taken away. */
function changedParts(before: Buffer, after: Buffer): [Buffer, Buffer] {
  let first = 0;
  while (first < Math.min(before.length, after.length) && before[first] === after[first]) first++;
  let last = 0;
  while (
    last < Math.min(before.length, after.length) - first &&
    before[before.length - 1 - last] === after[after.length - 1 - last]
  )
    last++;
  return [before.subarray(first, before.length - last), after.subarray(first, after.length - last)];
}

describe.each(cases)('%s, version %i', (container, version) => {
  const json = CARD_JSON[version];
  const bytes = CONTAINERS[container]!(json, version);

  it('is read', () => {
    const { card, others, warnings } = readCard(bytes, 'mara');
    expect(card.version).toBe(version);
    expect(card.name).toBe(version === 3 ? '爱丽丝·卡特' : 'Mara Venn');
    expect(card.description).toBe(
      version === 3 ? '{{char}}住在海边。{{char}}会弹吉他。' : '{{char}} repairs clocks.',
    );
    expect(card.raw).toEqual(JSON.parse(json));
    expect(others).toEqual([]);
    expect(warnings).toEqual([]);
    if (version > 1) expect(card.lorebook!.entries).toHaveLength(1);
  });

  it('comes back as the same bytes without a change, or with one that changes nothing', () => {
    const { card } = readCard(bytes, 'mara');
    expect(updateCard(bytes, {}).equals(bytes)).toBe(true);
    const { name, description, firstMessage } = card;
    expect(updateCard(bytes, { name, description, firstMessage }).equals(bytes)).toBe(true);
  });

  it('a changed field changes that value alone', () => {
    const changes: CardChanges = { personality: 'loud “élan” 🎭\n"x"' };
    const after = updateCard(bytes, changes);
    const { card } = readCard(after, 'mara');
    const { card: before } = readCard(bytes, 'mara');
    expect(card).toMatchObject({ ...before, ...changes, raw: expect.anything() });
    // the JSON differs between the quotes of that value, and nowhere else
    const text = jsonIn(after, container);
    const value = /"personality":"(?:quiet|内向)"/.exec(json)![0];
    // a text in ASCII stays one
    const quoted = /"personality":("loud (?:[^"\\]|\\.)*")/.exec(text)![1]!;
    const written = quoted.slice(1, -1);
    if (version < 3) expect(written).toMatch(/^[\x20-\x7e]+$/);
    else expect(quoted).toBe(JSON.stringify(changes.personality));
    expect(JSON.parse(`"${written}"`)).toBe(changes.personality);
    expect(text).toBe(json.replace(value, () => `"personality":"${written}"`));
  });

  it('a change there and back again gives the same JSON', () => {
    const { card } = readCard(bytes, 'mara');
    const there = updateCard(bytes, { description: 'Nothing.', firstMessage: 'Out.' });
    expect(readCard(there, 'mara').card.description).toBe('Nothing.');
    const back = updateCard(there, { description: card.description, firstMessage: card.firstMessage });
    expect(jsonIn(back, container)).toBe(json);
  });
});

/** The JSON in a container with one card, found without the reader that is tested where that is easy. */
function jsonIn(bytes: Buffer, container: string): string {
  if (container === 'JSON') return bytes.toString();
  if (container === 'JSON with a mark') return bytes.toString().slice(1);
  const { raw } = readCard(bytes, 'x').card;
  const found = container.startsWith('CHARX') ? unzipped(bytes) : unpng(bytes);
  expect(JSON.parse(found)).toEqual(raw);
  return found;
}

describe('what a change leaves alone', () => {
  it('the other chunks of a PNG, and what follows its end', () => {
    const bytes = CONTAINERS['PNG tEXt']!(CARD_JSON[2], 2);
    const after = updateCard(bytes, { description: 'Other.' });
    const [removed, added] = changedParts(bytes, after);
    const chunkSize = tEXt('chara', base64(CARD_JSON[2])).length;
    expect(removed.length).toBeLessThan(chunkSize);
    expect(added.length).toBeLessThan(chunkSize + 100);
    for (const kept of [other, time]) expect(after.includes(kept)).toBe(true);
    const trailing = CONTAINERS['PNG tEXt after the data, with bytes after its end']!(CARD_JSON[1], 1);
    expect(updateCard(trailing, { name: 'B' }).subarray(-11).toString()).toBe('PK and more');
  });

  it('the other entries of a CHARX, their order, extra fields and comment', () => {
    const bytes = CONTAINERS.CHARX!(CARD_JSON[3], 3);
    const after = updateCard(bytes, { description: '她不住在海边。'.repeat(100) });
    const original = zipArchive([charx(CARD_JSON[3])[0]!]);
    const localSize = original.indexOf(Buffer.from('PK\x01\x02'));
    expect(after.subarray(0, localSize).equals(original.subarray(0, localSize))).toBe(true);
    const last = bytes.indexOf(Buffer.from('PK\x03\x04'), bytes.indexOf('card.json'));
    const lastEntry = bytes.subarray(last, bytes.indexOf(Buffer.from('PK\x01\x02')));
    expect(after.includes(lastEntry)).toBe(true);
    expect(after.subarray(-9).toString()).toBe('a comment');
    expect(readCard(after, 'x').files).toEqual(readCard(bytes, 'x').files);
  });

  it('keys that are missing are added at the end, as the others are written', () => {
    const json = `{\n  "name": "A",\n  "description": "B",\n  "personality": "C"\n}\n`;
    const after = updateCard(Buffer.from(json), { scenario: 'é' }).toString();
    expect(after).toBe(json.replace('"C"\n', '"C",\n  "scenario": "\\u00e9"\n'));
    const tight = '{"spec":"chara_card_v2","data":{"name":"A" , "x":1}}';
    expect(updateCard(Buffer.from(tight), { tags: ['a', 'b'] }).toString()).toBe(
      '{"spec":"chara_card_v2","data":{"name":"A" , "x":1, "tags":["a","b"]}}',
    );
  });

  it('of a key that is written twice, the last is read and changed', () => {
    const json = '{"name":"A","description":"1","description":"2","personality":""}';
    expect(readCard(Buffer.from(json), 'x').card.description).toBe('2');
    const after = updateCard(Buffer.from(json), { description: '3' }).toString();
    expect(after).toBe(json.replace('"2"', '"3"'));
  });
});

describe('several cards in one PNG', () => {
  const [one, two, three] = [1, 2, 3].map((version) => base64(CARD_JSON[version as Version]));

  it('version 3 comes before 2 before 1, wherever they stand', () => {
    const bytes = pngOf([tEXt('chara', one!), tEXt('chara', two!), tEXt('ccv3', three!)]);
    const found = readCard(bytes, 'x');
    expect(found.card.version).toBe(3);
    expect(found.place).toMatch(/^chunk ccv3 at byte \d+$/);
    expect(found.others.map(({ version }) => version)).toEqual([1, 2]);
    const reversed = readCard(pngOf([tEXt('chara', two!), tEXt('chara', one!)]), 'x');
    expect(reversed.card.version).toBe(2);
    expect(reversed.warnings).toEqual([]);
  });

  it('of two of one version the first is read, and they are told of', () => {
    const second = base64(CARD_JSON[2].replaceAll('repairs', 'breaks'));
    const { card, warnings } = readCard(pngOf([tEXt('chara', two!)], [tEXt('chara', second)]), 'x');
    expect(card.description).toContain('repairs');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('another card of version 2');
    expect(readCard(pngOf([tEXt('chara', two!), tEXt('chara', two!)]), 'x').warnings).toEqual([]);
  });

  it('copies of a field that said the same are changed with it; others are not', () => {
    const v3 = CARD_JSON[2].replace('v2', 'v3').replace('"2.0"', '"3.0"').replaceAll('quiet', 'silent');
    const bytes = pngOf([other, tEXt('chara', base64(CARD_JSON[2])), tEXt('ccv3', base64(v3)), time]);
    const after = updateCard(bytes, { description: 'New.', personality: 'merry' });
    const texts = pngTexts(after);
    expect(texts.ccv3).toBe(v3.replaceAll('{{char}} repairs clocks.', 'New.').replace('silent', 'merry'));
    expect(texts.chara).toBe(CARD_JSON[2].replaceAll('{{char}} repairs clocks.', 'New.'));
    expect(texts.Comment).toBe('made by hand, é');
  });
});

describe('bad cards are refused with a clear message', () => {
  const good = tEXt('chara', base64(CARD_JSON[2]));
  const bomb = Buffer.alloc(40 * 2 ** 20, 'A');
  const deep = (n: number) =>
    `{"name":"A","description":"","personality":"","x":${'['.repeat(n)}${']'.repeat(n)}}`;
  const wrong = (change: (bytes: Buffer) => void) => {
    const bytes = pngOf([good]);
    change(bytes);
    return bytes;
  };
  const card: Packed = { name: 'card.json', data: CARD_JSON[3] };

  it.each<[string, Buffer, RegExp]>([
    ['an empty file', Buffer.alloc(0), /neither a PNG, nor a CHARX, nor JSON: bad\.png/],
    ['a JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), /neither a PNG/],
    [
      'a PNG without a card',
      pngOf([other]),
      /no card in bad\.png.*chunk ccv3 or chara.*download the original/,
    ],
    ['a cut-off PNG', pngOf([good]).subarray(0, 200), /bad\.png: chunk tEXt at byte 33 is cut off/],
    ['a PNG without IEND', pngOf([good]).subarray(0, -12), /without IEND/],
    [
      'a wrong checksum',
      wrong((b) => b.writeUInt8(b[60]! ^ 1, 60)),
      /chunk tEXt at byte 33 has a wrong checksum/,
    ],
    [
      'a wrong checksum of another chunk',
      wrong((b) => b.writeUInt8(9, 20)),
      /chunk IHDR at byte 8 has a wrong/,
    ],
    ['a chunk without a name', wrong((b) => b.fill(0, 37, 41)), /no chunk begins at byte 33/],
    [
      'a text that is no base64',
      pngOf([tEXt('chara', '!!')]),
      /chunk chara at byte 33 of bad\.png is neither base64 nor JSON/,
    ],
    ['base64 of something else', pngOf([tEXt('chara', base64('hello'))]), /is not JSON/],
    [
      'base64 of bytes that are no UTF-8',
      pngOf([tEXt('chara', base64(Buffer.from([0x7b, 0xff])))]),
      /line 1, byte 1: not UTF-8 \(0xff\)/,
    ],
    [
      'a damaged card beside a good one',
      pngOf([good, tEXt('ccv3', 'AAA*')]),
      /chunk ccv3 .* is neither base64 nor JSON/,
    ],
    [
      'a zTXt bomb',
      pngOf([zTXt('chara', bomb)]),
      /zTXt "chara" at byte 33 of bad\.png unpacks to more than \d+ bytes/,
    ],
    ['an iTXt bomb', pngOf([iTXt('ccv3', bomb, true)]), /unpacks to more than/],
    ['a large tEXt', pngOf([tEXt('chara', bomb)]), /has 41943040 bytes, at most \d+ are read/],
    ['a damaged zTXt', pngOf([chunk('zTXt', Buffer.from('chara\0\0nonsense'))]), /cannot be unpacked/],
    [
      'an iTXt without its text',
      pngOf([chunk('iTXt', Buffer.from('chara\0\0\0en'))]),
      /ends before its text/,
    ],
    ['twenty cards', pngOf(Array.from({ length: 20 }, () => good)), /has 20 card chunks/],
    ['broken JSON', Buffer.from('{"name": '), /bad\.png is not JSON/],
    ['deep JSON', Buffer.from(deep(100_000)), /JSON nested more than 128 deep/],
    ['JSON that is no card', Buffer.from('{"a":1}'), /no character card: bad\.png/],
    [
      'a spec of another kind',
      Buffer.from('{"spec":"chara_card_v9","data":{}}'),
      /its spec is "chara_card_v9"/,
    ],
    ['V2 without data', Buffer.from('{"spec":"chara_card_v2"}'), /not a valid card: bad\.png[\s\S]*data: /],
    [
      'wrong types',
      Buffer.from(
        '{"spec":"chara_card_v2","data":{"name":1,"tags":{},"character_book":{"entries":[{"content":2}]}}}',
      ),
      /3 problems[\s\S]*data\.name[\s\S]*data\.tags[\s\S]*data\.character_book\.entries\[0\]\.content/,
    ],
    ['another ZIP', zipArchive([{ name: 'a.txt', data: 'a' }]), /it has no card\.json/],
    [
      'a name that climbs',
      zipArchive([card, { name: '../../etc/passwd', data: 'x' }]),
      /"\.\.\/\.\.\/etc\/passwd" leads out of the archive/,
    ],
    ['an absolute name', zipArchive([card, { name: '/etc/passwd', data: 'x' }]), /leads out/],
    ['a name with a drive', zipArchive([card, { name: 'C:/x', data: 'x' }]), /leads out/],
    ['a name with backslashes', zipArchive([card, { name: '..\\x', data: 'x' }]), /leads out/],
    ['two entries of a name', zipArchive([card, card]), /it has two entries card\.json/],
    [
      'an entry with a wrong checksum',
      zipArchive([{ ...card, claims: { crc: 1 } }]),
      /card\.json has a wrong checksum/,
    ],
    ['an encrypted entry', zipArchive([{ ...card, claims: { flags: 1 } }]), /card\.json is encrypted/],
    ['another method', zipArchive([{ ...card, claims: { method: 12 } }]), /packed by method 12/],
    [
      'an entry that is larger than it says',
      zipArchive([{ name: 'card.json', data: bomb, claims: { size: 100 } }]),
      /cannot be unpacked to 100 bytes/,
    ],
    [
      'an entry that says it is larger',
      zipArchive([{ ...card, claims: { size: 2000 } }]),
      /card\.json has \d+ bytes, 2000 were said/,
    ],
    [
      'a large card.json',
      zipArchive([{ name: 'card.json', data: bomb }]),
      /card\.json has 41943040 bytes, at most 16777216/,
    ],
    [
      'an impossible ratio',
      zipArchive([card, { name: 'a', data: 'x', claims: { size: 2 ** 31 } }]),
      /entry a claims to unpack from 3 to 2147483648 bytes/,
    ],
    [
      'many entries',
      zipArchive([card, ...Array.from({ length: 10_001 }, (_, i) => ({ name: `${i}`, data: '' }))]),
      /10002 entries, at most 10000/,
    ],
    ['a cut-off ZIP', zipArchive([card]).subarray(0, -10), /no end record/],
  ])('%s', (_, bytes, says) => {
    const begin = performance.now();
    expect(refusal(() => readCard(bytes, 'bad.png'))).toMatch(says);
    expect(refusal(() => updateCard(bytes, { name: 'B' }, 'bad.png'))).toMatch(says);
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('fields that a version does not have', () => {
    const says = /version 1, which has no systemPrompt.*description/;
    expect(refusal(() => updateCard(Buffer.from(CARD_JSON[1]), { systemPrompt: 'x' }))).toMatch(says);
    expect(refusal(() => updateCard(Buffer.from(CARD_JSON[2]), { nickname: 'x' }))).toMatch(/version 2/);
  });

  it('a zip64 archive is read, and not changed', () => {
    const bytes = zipArchive([{ ...card, deflate: false }]);
    const central = bytes.indexOf(Buffer.from('PK\x01\x02'));
    const wide = Buffer.alloc(20);
    wide.writeUInt16LE(1, 0);
    wide.writeUInt16LE(16, 2);
    const size = Buffer.byteLength(CARD_JSON[3]);
    wide.writeBigUInt64LE(BigInt(size), 4);
    wide.writeBigUInt64LE(BigInt(size), 12);
    const record = Buffer.from(bytes.subarray(central, -22));
    record.fill(0xff, 20, 28);
    record.writeUInt16LE(26, 30);
    const end = Buffer.from(bytes.subarray(-22));
    end.writeUInt32LE(record.length + 20, 12);
    const zip64 = Buffer.concat([bytes.subarray(0, central), record, wide, end]);
    expect(readCard(zip64, 'x').card.version).toBe(3);
    expect(refusal(() => updateCard(zip64, { name: 'B' }))).toContain('zip64');
  });
});

describe('cards in the wild', () => {
  it('null and missing where there is nothing', () => {
    const card = cardOf(
      { spec: 'chara_card_v2', data: { name: 'A', tags: null, character_book: null } },
      'x',
    );
    expect(card).toMatchObject({ name: 'A', description: '', tags: [], assets: [], alternateGreetings: [] });
    expect(card.lorebook).toBeUndefined();
  });

  it('keys that objects have by nature are keys like others', () => {
    const odd = '"__proto__":{"polluted":1},"constructor":2,"toString":"x"';
    const json = `{"spec":"chara_card_v2",${odd},"data":{"name":"A",${odd},"character_book":{"entries":[{"content":"x",${odd}}]}}}`;
    const bytes = Buffer.from(json);
    expect(readCard(bytes, 'x').card).toMatchObject({ name: 'A', lorebook: { entries: [{ content: 'x' }] } });
    expect(updateCard(bytes, { name: 'B' }).toString()).toBe(json.replace('"A"', '"B"'));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(
      refusal(() =>
        readCard(Buffer.from('{"__proto__":{"name":"A","description":"","personality":""}}'), 'x'),
      ),
    ).toContain('no character card');
  });

  it('a newer version is told of', () => {
    const value = { spec: 'chara_card_v3', spec_version: '3.1', data: { name: 'A' } };
    expect(readCard(Buffer.from(JSON.stringify(value)), 'x').warnings[0]).toContain('3.1 is newer');
  });

  it('a huge lorebook', () => {
    const entries = Array.from({ length: 20_000 }, (_, i) => ({
      keys: [`key ${i}`, `鍵${i}`],
      content: `Thing ${i} is number ${i} of many. `.repeat(4),
      enabled: true,
      insertion_order: i,
      extensions: {},
      own: i,
    }));
    const value = {
      spec: 'chara_card_v3',
      spec_version: '3.0',
      data: { name: 'A', character_book: { entries } },
    };
    const bytes = pngOf([zTXt('ccv3', base64(JSON.stringify(value)))]);
    const { card } = readCard(bytes, 'x');
    expect(card.lorebook!.entries).toHaveLength(20_000);
    expect(card.lorebook!.entries[777]).toMatchObject({
      index: 777,
      keys: ['key 777', '鍵777'],
      insertionOrder: 777,
      raw: { own: 777 },
    });
    const after = updateCard(bytes, { description: 'x' });
    expect(readCard(after, 'x').card.lorebook).toEqual(card.lorebook);
  });
});

/** The texts of a PNG's tEXt, zTXt and iTXt chunks by keyword, read the plain way. */
function pngTexts(bytes: Buffer): Record<string, string> {
  const texts: Record<string, string> = {};
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const data = bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (type === 'IEND') break;
    if (!['tEXt', 'zTXt', 'iTXt'].includes(type)) continue;
    const nul = data.indexOf(0);
    const keyword = data.toString('latin1', 0, nul);
    let text = data.subarray(nul + 1);
    if (type === 'zTXt') text = inflated(data.subarray(nul + 2));
    if (type === 'iTXt') {
      const body = data.subarray(data.indexOf(0, data.indexOf(0, nul + 3) + 1) + 1);
      text = data[nul + 1] === 1 ? inflated(body) : body;
    }
    const shown = text.toString('latin1');
    texts[keyword] =
      keyword === 'Comment'
        ? shown
        : shown.startsWith('{')
          ? text.toString()
          : Buffer.from(shown, 'base64').toString();
  }
  return texts;
}

function unpng(bytes: Buffer): string {
  const texts = pngTexts(bytes);
  return Object.entries(texts).find(([keyword]) => /^(chara|ccv3)$/i.test(keyword))![1];
}

const inflated = (bytes: Buffer) => inflateSync(bytes);

/** card.json of a ZIP, by its central directory. */
function unzipped(bytes: Buffer): string {
  let at = bytes.readUInt32LE(bytes.lastIndexOf(Buffer.from('PK\x05\x06')) + 16);
  for (;;) {
    const nameLength = bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    if (name === 'card.json') break;
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  const local = bytes.readUInt32LE(at + 42);
  const begin = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  return inflateRawSync(bytes.subarray(begin, begin + bytes.readUInt32LE(at + 20))).toString();
}
