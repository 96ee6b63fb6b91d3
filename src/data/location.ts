import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The data sets that come with truecast: beside `src` in the repository, beside `dist` in the package. */
export const DATASETS_ROOT = fileURLToPath(new URL('../../datasets', import.meta.url));

/** Where the authored characters of a root are. */
export const charactersFolder = (root: string): string => join(root, 'characters');

/** Ids of the characters that a root holds a built data set of, sorted. */
export function listCharacters(root = DATASETS_ROOT): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, 'split.json')))
    .sort();
}
