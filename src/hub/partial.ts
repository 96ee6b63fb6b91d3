import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isAlive } from '../support/process.js';

/**
 * Partial files: `HASH.HOST.PID.RANDOM.incomplete`, of one download each, which no other process writes to;
 * one whose process is gone is taken over by the next. Those of Python's huggingface_hub have other names and
 * are left alone: some of its ways to download leave holes in them.
 */
const HOST = hostname().replace(/[^\w-]/g, '-') || 'host';
/** Not written to for so long, a file is abandoned, whatever became of its process (another machine's, say). */
const ABANDONED_MS = 10 * 60_000;
/** Those of this process that are in use. */
const mine = new Set<string>();

/** A partial file of `target` for this download alone: the longest abandoned one, else a new name. */
export function claimPartial(target: string): string {
  const own = `${target}.${HOST}.${process.pid}.${randomBytes(4).toString('hex')}.incomplete`;
  mine.add(own);
  const folder = dirname(target);
  const left = readdirSync(folder)
    .filter((name) => name.startsWith(`${basename(target)}.`) && isAbandoned(join(folder, name)))
    .map((name) => ({
      path: join(folder, name),
      size: statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? -1,
    }))
    .sort((a, b) => b.size - a.size);
  for (const { path } of left) {
    try {
      renameSync(path, own);
      return own;
    } catch (error) {
      // another process was faster
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return own;
}

/** Ends the use of a partial file; what it holds is for the next download. An empty one goes. */
export function releasePartial(own: string): void {
  mine.delete(own);
  if (existsSync(own) && statSync(own).size === 0) rmSync(own, { force: true });
}

function isAbandoned(path: string): boolean {
  const [, host, pid] = /\.([\w-]+)\.(\d+)\.[0-9a-f]{8}\.incomplete$/.exec(path) ?? [];
  if (host === undefined || mine.has(path)) return false;
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (Date.now() - stats.mtimeMs > ABANDONED_MS) return true;
  // an earlier process of our number is gone
  return host === HOST && (Number(pid) === process.pid || !isAlive(Number(pid)));
}
