import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileHash } from './import/sources.js';

/** SHA-256 of every table of a data set, by file name. */
export async function dataSetHashes(folder: string): Promise<Record<string, string>> {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.arrow'))
    .sort();
  const hashes: Record<string, string> = {};
  for (const name of names) hashes[name] = await fileHash(join(folder, name));
  return hashes;
}
