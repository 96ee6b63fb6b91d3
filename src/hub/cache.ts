import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { isCommit, isPlainPath } from './reference.js';

/**
 * A repository in the cache, laid out as Python's huggingface_hub does:
 * `models--owner--name/` with blobs/HASH, refs/REVISION (a commit) and snapshots/COMMIT/FILE → ../../blobs/HASH.
 */
export class CachedRepository {
  readonly folder: string;

  constructor(cache: string, repository: string) {
    this.folder = join(cache, `models--${repository.replace('/', '--')}`);
  }

  /** The commit that a branch or tag was at when it was last looked up. */
  commitOf(revision: string): string | undefined {
    if (isCommit(revision)) return revision;
    const path = join(this.folder, 'refs', revision);
    if (!existsSync(path) || !statSync(path).isFile()) return undefined;
    const commit = readFileSync(path, 'utf8').trim();
    return isCommit(commit) ? commit : undefined;
  }

  keepCommit(revision: string, commit: string): void {
    if (this.commitOf(revision) !== commit) writeFileAtomic(join(this.folder, 'refs', revision), commit);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** The files at the top of a snapshot whose content is there. */
  names(commit: string): string[] {
    const folder = this.snapshot(commit);
    if (!existsSync(folder)) return [];
    return readdirSync(folder).filter((name) => existsSync(join(folder, name)));
  }

  has(commit: string, name: string, size: number): boolean {
    const path = join(this.snapshot(commit), name);
    return existsSync(path) && statSync(path).size === size;
  }

  /** Where the content with a hash is kept. */
  blob(hash: string): string {
    return join(this.folder, 'blobs', hash);
  }

  /** Whether the content is there. Of another size it is none, whoever left it, and is removed. */
  hasBlob(hash: string, size: number): boolean {
    const path = this.blob(hash);
    if (!existsSync(path)) return false;
    if (statSync(path).size === size) return true;
    rmSync(path);
    return false;
  }

  /** How much of the content is there, in one piece. */
  bytesOf(hash: string): number {
    const folder = join(this.folder, 'blobs');
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(hash)) : [];
    return Math.max(
      0,
      ...names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    );
  }

  /** Puts a blob into a snapshot, under its name there. */
  link(commit: string, name: string, hash: string): void {
    if (!isPlainPath(name)) {
      throw new TruecastError(
        `the hub lists a file by a name that leads out of its folder: ${JSON.stringify(name)}`,
        'do not use this repository',
      );
    }
    const pointer = join(this.snapshot(commit), name);
    const temporary = `${pointer}.${randomBytes(4).toString('hex')}.tmp`;
    mkdirSync(dirname(pointer), { recursive: true });
    try {
      symlinkSync(relative(dirname(pointer), this.blob(hash)), temporary);
    } catch (error) {
      // where the system has no symbolic links the snapshot holds the file itself, as Python's has it
      if (!NO_SYMLINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      renameSync(this.blob(hash), temporary);
    }
    try {
      renameSync(temporary, pointer);
    } finally {
      rmSync(temporary, { force: true });
    }
  }
}

const NO_SYMLINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);
