import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { messageOf, TruecastError } from '../support/errors.js';
import { readText, writeFileAtomic } from '../support/files.js';
import { BUILD_OPTIONS, type BuildOptions, buildCharacter, type CharacterData } from './build.js';
import { readCharacter } from './character.js';
import type { AuthoredCharacter } from './characterFormat.js';
import { tableFiles } from './dataSet.js';
import { charactersFolder, DATASETS_ROOT, listCharacters } from './location.js';
import { splitFileText } from './splitFile.js';
import { type CharacterStatistics, characterStatistics } from './statistics.js';
import { statisticsTable, withStatistics } from './statisticsTable.js';

export interface DatasetsOptions {
  /** Holds `characters/*.yaml`, a folder per built character, and perhaps README.md. */
  root?: string;
  /** Writes nothing; reports what a build would change. */
  check?: boolean;
  log?: (line: string) => void;
}

/** A file that is not what the characters give: it differs, is missing, or has no character any more. */
export interface Difference {
  path: string;
  why: 'differs' | 'missing' | 'has no source';
}

export interface DatasetsReport {
  statistics: CharacterStatistics[];
  /** What a check found, or what a build left alone: it overwrites, but never deletes. */
  differences: Difference[];
  /** Files that a build wrote: those that changed. */
  written: string[];
}

/**
 * Builds every character of a root into its folder, and the statistics in the root's README. Throws a
 * TruecastError with the problems of all characters; then nothing is written.
 */
export async function buildDatasets(options: DatasetsOptions = {}): Promise<DatasetsReport> {
  const { root = DATASETS_ROOT, check = false, log = () => {} } = options;
  const built = readCharacters(root).map((character) => ({ character, data: buildCharacter(character) }));
  const statistics = built.map(({ character, data }) =>
    characterStatistics(character, data, BUILD_OPTIONS.nearDuplicate),
  );

  const wanted = new Map<string, Uint8Array>();
  for (const { character, data } of built) {
    const files = datasetFiles(character, data, BUILD_OPTIONS);
    for (const [name, bytes] of files) wanted.set(join(root, character.id, name), bytes);
  }
  const readme = join(root, 'README.md');
  if (existsSync(readme)) {
    const text = withStatistics(readText(readme, 'README'), statisticsTable(statistics), readme);
    wanted.set(readme, Buffer.from(text));
  }

  const differences: Difference[] = listCharacters(root)
    .filter((id) => !built.some(({ character }) => character.id === id))
    .map((id) => ({ path: join(root, id), why: 'has no source' }));
  const written: string[] = [];
  for (const [path, bytes] of wanted) {
    const exists = existsSync(path);
    if (exists && readFileSync(path).equals(bytes)) continue;
    if (check) {
      differences.push({ path, why: exists ? 'differs' : 'missing' });
    } else {
      writeFileAtomic(path, bytes);
      written.push(path);
      log(`wrote ${path}`);
    }
  }
  for (const { path, why } of differences) log(`${path}: ${why}`);
  return { statistics, differences, written };
}

/** Reads and checks every authored character; throws as `buildDatasets` does. */
export async function validateDatasets(options: DatasetsOptions = {}): Promise<AuthoredCharacter[]> {
  const { root = DATASETS_ROOT, log = () => {} } = options;
  const characters = readCharacters(root);
  for (const { id, statements, queries } of characters) {
    log(`${id}: ${statements.length} statements, ${queries.length} queries, no problem`);
  }
  return characters;
}

/** The statistics of every authored character, from the characters alone. */
export async function datasetStatistics(options: DatasetsOptions = {}): Promise<CharacterStatistics[]> {
  return readCharacters(options.root ?? DATASETS_ROOT).map((character) =>
    characterStatistics(character, buildCharacter(character), BUILD_OPTIONS.nearDuplicate),
  );
}

/** The files of one data set by name. */
function datasetFiles(
  character: AuthoredCharacter,
  data: CharacterData,
  options: BuildOptions,
): Map<string, Uint8Array> {
  return tableFiles(data).set('split.json', Buffer.from(splitFileText(character, data, options)));
}

function readCharacters(root: string): AuthoredCharacter[] {
  const folder = charactersFolder(root);
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => extname(name) === '.yaml') : [];
  if (files.length === 0) {
    throw new TruecastError(
      `no characters in ${folder}`,
      'put authored characters there, one .yaml file each',
    );
  }
  const failures: TruecastError[] = [];
  const characters = files.sort().flatMap((name) => {
    try {
      return [readCharacter(join(folder, name))];
    } catch (error) {
      if (!(error instanceof TruecastError)) throw error;
      failures.push(error);
      return [];
    }
  });
  if (failures.length > 0) {
    const remedies = new Set(failures.map(({ remedy }) => remedy));
    throw new TruecastError(failures.map(messageOf).join('\n'), [...remedies].join('; '));
  }
  return characters;
}
