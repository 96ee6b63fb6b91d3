import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readDocument, readPersonaSource, updateCard, writePersona } from '../../src/data/index.js';
import { TruecastError } from '../../src/support/errors.js';
import { integerAt, randomKey } from '../../src/support/random.js';
import { base64, CARD_JSON, iTXt, pngOf, SIGNATURE, tEXt, zipArchive, zTXt } from '../helpers/cards.js';
import { mutated } from '../helpers/mutate.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
/** Mutated copies of each kind, six kinds in all; more with TRUECAST_TEST_FUZZ. */
const COUNT = Number(process.env.TRUECAST_TEST_FUZZ ?? 500);

const world = JSON.stringify({
  entries: {
    0: { uid: 0, key: ['a'], content: 'Alice sings. Hair: red', order: 1 },
    1: { content: '[x: y]' },
  },
});
const png = pngOf(
  [tEXt('chara', base64(CARD_JSON[2])), iTXt('Note', Buffer.from('x'))],
  [zTXt('ccv3', base64(CARD_JSON[3]))],
  Buffer.alloc(300, 'bytes after its end '),
);
const charx = zipArchive([
  { name: 'assets/a.png', data: Buffer.alloc(300, 7), descriptor: 'signed' },
  { name: 'card.json', data: CARD_JSON[3] },
]);

/** Changes within what checksums and packing would hide: the result has them right again. */
const KINDS: Record<string, { file: string; damaged: (seed: number) => Buffer }> = {
  'a JSON card': { file: 'card.json', damaged: (seed) => mutated(Buffer.from(CARD_JSON[2]), seed) },
  'a lorebook': { file: 'world.json', damaged: (seed) => mutated(Buffer.from(world), seed) },
  'a PNG': { file: 'card.png', damaged: (seed) => mutated(png, seed) },
  'a PNG with right checksums': { file: 'card.png', damaged: (seed) => summed(mutated(png, seed)) },
  'a PNG with a damaged card': {
    file: 'card.png',
    damaged: (seed) => {
      const json = base64(mutated(Buffer.from(CARD_JSON[seed % 2 === 0 ? 2 : 3]), seed));
      return pngOf([seed % 3 === 0 ? zTXt('chara', json) : tEXt('ccv3', json)]);
    },
  },
  'a CHARX': { file: 'card.charx', damaged: (seed) => mutated(charx, seed) },
  'a CHARX with a damaged card': {
    file: 'card.charx',
    damaged: (seed) => zipArchive([{ name: 'card.json', data: mutated(Buffer.from(CARD_JSON[3]), seed) }]),
  },
};

/** The PNG with the checksum of each chunk made right, as far as chunks can be told. */
function summed(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) return bytes;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, end - 4)), end - 4);
    at = end;
  }
  return bytes;
}

/** Runs a call that may refuse; whatever else it throws is a defect. */
function tried<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof TruecastError)) throw error;
    expect(error.message.length).toBeGreaterThan(10);
    expect(error.remedy, error.message).toBeTruthy();
    return undefined;
  }
}

describe('mutated cards are read or refused, never more', () => {
  it.each(Object.entries(KINDS))('%s', (_, { file, damaged }) => {
    const folder = temporary();
    mkdirSync(join(folder, 'in'));
    mkdirSync(join(folder, 'out'));
    const path = join(folder, 'in', file);
    const counts = { read: 0, refused: 0 };
    let slowest = 0;
    for (let seed = 0; seed < COUNT; seed++) {
      const bytes = damaged(seed);
      writeFileSync(path, bytes);
      const begin = process.cpuUsage();
      const persona = tried(() => readPersonaSource(path));
      tried(() => readDocument(path));
      if (persona) tried(() => writePersona(persona, path, join(folder, 'out', 'p.yaml'), true));
      const updated = tried(() => updateCard(bytes, { name: 'Börn' }, path));
      if (updated) {
        expect(tried(() => updateCard(updated, { name: 'Börn' }, path))?.equals(updated)).toBe(true);
        expect(tried(() => updateCard(bytes, {}, path))?.equals(bytes)).toBe(true);
        expect(updated.length).toBeLessThan(bytes.length * 3 + 10_000);
      }
      counts[persona ? 'read' : 'refused']++;
      const { user, system } = process.cpuUsage(begin);
      slowest = Math.max(slowest, user + system);
    }
    // both happen, so that neither half of the check is idle
    expect(counts.read, JSON.stringify(counts)).toBeGreaterThan(COUNT / 100);
    expect(counts.refused, JSON.stringify(counts)).toBeGreaterThan(COUNT / 20);
    expect(slowest).toBeLessThan(2e6);
    // nothing is written but what was asked for
    expect(readdirSync(folder).sort()).toEqual(['in', 'out']);
    expect(readdirSync(join(folder, 'in'))).toEqual([file]);
    for (const name of readdirSync(join(folder, 'out'))) expect(name).toMatch(/^p\.(yaml|provenance\.json)$/);
  });
});

describe('texts made to be slow', () => {
  const n = 300_000;
  const rows: Record<string, string> = {
    brackets: '['.repeat(n),
    'closed brackets': '['.repeat(n / 2) + ']'.repeat(n / 2),
    'brackets on lines': '[\n'.repeat(n / 2) + ']\n'.repeat(n / 2),
    commas: ','.repeat(n),
    plus: `a(${'+'.repeat(n)}`,
    'open quotes': 'a(“'.repeat(n / 3),
    'calls without an end': 'a("b"+'.repeat(n / 6),
    spaces: `a${' '.repeat(n)}b`,
    'spaces after a key': `a:${' '.repeat(n)}`,
    braces: '{{'.repeat(n / 2),
    'closing braces': `[a: b${'}'.repeat(n)}x]`,
    equals: '='.repeat(n),
    dashes: `${'- '.repeat(n / 2)}x`,
    stops: '.'.repeat(n),
    'stops and quotes': '.")'.repeat(n / 3),
    letters: 'a'.repeat(n),
    colons: 'a:'.repeat(n / 2),
    semicolons: `[${'a:b;'.repeat(n / 4)}]`,
    'commas in a block': `[${'a,'.repeat(n / 2)}]`,
    macros: '{{user}}'.repeat(n / 8),
    han: '爱'.repeat(n / 3),
    lines: '\n'.repeat(n),
  };
  it.each(Object.entries(rows))('%s', (_, text) => {
    const path = join(temporary(), 'card.json');
    const entry = { keys: ['k'], content: text, enabled: true };
    const data = {
      name: 'A',
      description: text,
      personality: text,
      mes_example: text,
      character_book: { entries: [entry] },
    };
    writeFileSync(path, JSON.stringify({ spec: 'chara_card_v2', data }));
    const begin = process.cpuUsage();
    tried(() => readPersonaSource(path, 'en'));
    tried(() => readDocument(path));
    const { user, system } = process.cpuUsage(begin);
    expect(user + system).toBeLessThan(8e6);
  });
});

describe('archives that unpack without end', () => {
  it('an archive whose entries share their bytes', () => {
    // each entry claims the whole of one packed body of zeros
    const body = deflateRawSync(Buffer.alloc(50 * 2 ** 20));
    expect(inflateRawSync(body)).toHaveLength(50 * 2 ** 20);
    const archive = zipArchive([{ name: 'card.json', data: Buffer.alloc(50 * 2 ** 20) }]);
    const before = process.memoryUsage().arrayBuffers;
    expect(tried(() => updateCard(archive, {}))).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30 * 2 ** 20);
  });

  it('many packed chunks in one PNG', () => {
    const key = randomKey('padding');
    const padded = `${CARD_JSON[2].trimEnd().slice(0, -1)},"pad":"${'x'.repeat(8 * 2 ** 20 + integerAt(key, 0, 9))}"}`;
    const bytes = pngOf(Array.from({ length: 10 }, () => zTXt('chara', base64(padded))));
    expect(bytes.length).toBeLessThan(2 ** 20);
    expect(tried(() => updateCard(bytes, {}))).toBeUndefined();
  });
});
