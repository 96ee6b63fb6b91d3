import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { stringify } from 'yaml';
import type { AuthoredCharacter, AuthoredQuery } from '../../src/data/index.js';
import { TruecastError } from '../../src/support/errors.js';

/** A folder that is removed after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'truecast-data-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file into a folder and returns its path. */
export function write(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The TruecastError that a call throws; anything else fails the test. */
export function refusal(call: () => unknown): TruecastError {
  try {
    call();
  } catch (error) {
    if (error instanceof TruecastError) return error;
    throw error;
  }
  throw new Error('expected a TruecastError, but nothing was thrown');
}

const TRADES = ['baker', 'sailor', 'printer', 'tanner', 'weaver', 'glazier', 'cooper', 'farrier'];
const PLACES = ['harbour', 'orchard', 'chapel', 'quarry', 'market', 'meadow', 'tower', 'bridge'];

/** A character of the right shape with `facts` statements and `each` queries per statement; no prose. */
export function makeCharacter(facts = 8, each = 3): AuthoredCharacter {
  const thing = (i: number): string => `${TRADES[i % 8]} ${PLACES[Math.floor(i / 8) % 8]}`;
  const queries = Array.from({ length: facts * each }, (_, i): AuthoredQuery => {
    const fact = i % facts;
    const target = `s${fact + 1}`;
    const mark = `${'abcdefgh'[i % 8]}${i}`.repeat(4);
    return {
      id: `q${i + 1}`,
      text: `Tell ${mark} about ${thing(fact)}`,
      active: [target],
      borderline: [`s${((fact + 1) % facts) + 1}`],
      entailed: {
        text: `Yes ${mark} ${thing(fact)} ${i}${i}`,
        entails: [target],
        contradicts: [],
        unsure: [],
      },
      neutral: { text: `Well ${mark} clouds ${i}x${i}`, entails: [], contradicts: [], unsure: [] },
      contradicted: { text: `Only ${mark} moons ${i}y${i}`, entails: [], contradicts: [target], unsure: [] },
    };
  });
  return {
    format: 'truecast.character/1',
    id: 'maker',
    name: 'Maker',
    language: 'en',
    about: 'A character for tests.',
    statements: Array.from({ length: facts }, (_, i) => ({
      id: `s${i + 1}`,
      text: `Maker likes the ${thing(i)}.`,
    })),
    queries,
  };
}

/** The YAML of a character. */
export const yamlOf = (character: unknown): string => stringify(character);
