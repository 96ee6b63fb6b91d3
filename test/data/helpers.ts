import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { stringify } from 'yaml';
import type { AuthoredCharacter, AuthoredQuery } from '../../src/data/index.js';
import { TruecastError } from '../../src/support/errors.js';
import { integerAt, randomKey } from '../../src/support/random.js';

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

/** A made-up word; another one for every number. */
function word(number: number, length = 40): string {
  const key = randomKey('word', number);
  return Array.from({ length }, (_, i) => 'abcdefghijklmnopqrstuvwxyz'[integerAt(key, i, 26)]).join('');
}

/** A character of the right shape with `facts` statements and `each` queries per statement; no prose. */
export function makeCharacter(facts = 8, each = 3): AuthoredCharacter {
  const queries = Array.from({ length: facts * each }, (_, i): AuthoredQuery => {
    const fact = i % facts;
    const target = `s${fact + 1}`;
    const [a, b, c, d] = [0, 1, 2, 3].map((part) => word(1000 + 4 * i + part));
    return {
      id: `q${i + 1}`,
      text: `Tell ${a} of ${word(fact, 8)}`,
      active: [target],
      borderline: [`s${((fact + 1) % facts) + 1}`],
      entailed: { text: `Yes ${b} my ${word(fact, 8)}`, entails: [target], contradicts: [], unsure: [] },
      neutral: { text: `Well ${c} clouds`, entails: [], contradicts: [], unsure: [] },
      contradicted: { text: `Only ${d} moons`, entails: [], contradicts: [target], unsure: [] },
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
      text: `Maker likes a ${word(i, 8)}.`,
    })),
    queries,
  };
}

/** The YAML of a character. */
export const yamlOf = (character: unknown): string => stringify(character);
