import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import type { SplitName } from '../rows.js';
import { formatOf, TABLE_FORMATS } from '../tables/format.js';
import { splitNamed } from './parse.js';

/** A file to import, and the side of the split that its name says all its rows are of. */
export interface SourceFile {
  path: string;
  split: SplitName | undefined;
}

/** Files that `datasets` and others keep beside the rows. */
const NO_TABLES = ['dataset_infos.json', 'dataset_info.json', 'state.json', 'provenance.json', 'split.json'];

/** How deep folders are looked through: `config/split/0000.parquet` is the deepest usual layout. */
const DEPTH = 4;

/** The table files that paths name: files themselves, and all that folders hold, sorted. */
export function findSources(paths: readonly string[]): SourceFile[] {
  const files = paths.flatMap((path) => {
    if (!existsSync(path)) throw new TruecastError(`not found: ${path}`, 'check the path');
    if (!statSync(path).isDirectory()) return [path];
    const found = tableFiles(path, DEPTH);
    if (found.length > 0) return found;
    throw new TruecastError(
      `no table files in ${path}`,
      `name a folder that holds ${TABLE_FORMATS.map((name) => `.${name}`).join(', ')} files`,
    );
  });
  const twice = files.find((path, i) => files.indexOf(path) !== i);
  if (twice !== undefined) throw new TruecastError(`${twice} is named twice`, 'name it once');
  return files.map((path) => ({ path, split: splitOfPath(path) }));
}

/**
 * The side that a file's name says: `train-00000-of-00001.parquet`, `test.jsonl`, `nli.validation.csv`, or a folder
 * of such a name around numbered files (`train/0000.parquet`).
 */
function splitOfPath(path: string): SplitName | undefined {
  const name = basename(path, extname(path)).replace(/-\d{5}-of-\d{5}$/, '');
  const parts = name.split(/[-._]/);
  const side = splitNamed(name) ?? splitNamed(parts[0]!) ?? splitNamed(parts.at(-1)!);
  return side ?? (/^\d+$/.test(name) ? splitNamed(basename(dirname(path))) : undefined);
}

function tableFiles(folder: string, depth: number): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && !NO_TABLES.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return depth > 1 ? tableFiles(path, depth - 1) : [];
    return entry.isFile() && formatOf(path) !== undefined ? [path] : [];
  });
}

/** SHA-256 of a file, in hexadecimal. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
