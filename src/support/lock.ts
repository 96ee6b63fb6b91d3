import { randomBytes } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { systemError, TruecastError } from './errors.js';
import { isAlive } from './process.js';

/** How often a holder shows that it is alive, and how long another machine's may be silent. */
const BEAT_MS = 20_000;
const SILENT_MS = 5 * 60_000;

/** Held by this process. */
const mine = new Set<string>();

/**
 * A file that says that a process works here. It is taken over where its process is gone: on this machine
 * that can be seen, of another machine's process only that it has been silent for long.
 */
export class Lock {
  private readonly timer: NodeJS.Timeout;

  private constructor(private readonly path: string) {
    mine.add(path);
    this.timer = setInterval(() => this.beat(), BEAT_MS).unref();
  }

  /** @throws TruecastError where another process holds it; `what` says what it does here */
  static take(path: string, what: string): Lock {
    const content = `${JSON.stringify({ host: hostname(), pid: process.pid, mark: randomBytes(8).toString('hex') })}\n`;
    const own = `${path}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(own, content);
      for (;;) {
        try {
          linkSync(own, path);
          return new Lock(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        const holder = holderOf(path);
        if (holder === undefined) continue;
        if (holder.alive) throw taken(path, holder, what);
        // moved aside first: of several that find it abandoned, one gets this very lock
        const aside = `${own}.old`;
        try {
          renameSync(path, aside);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
          throw error;
        }
        const moved = readFileSync(aside, 'utf8');
        if (moved !== holder.content) {
          // another process had just taken it over: it gets its lock back
          linkSync(aside, path);
          rmSync(aside);
          throw taken(path, { ...holder, content: moved }, what);
        }
        rmSync(aside);
      }
    } catch (error) {
      throw systemError(error, `cannot lock ${path}`) ?? error;
    } finally {
      rmSync(own, { force: true });
    }
  }

  /** @throws TruecastError where a living process holds the lock of this path */
  static refuseIfHeld(path: string, what: string): void {
    const holder = holderOf(path);
    if (holder?.alive) throw taken(path, holder, what);
  }

  release(): void {
    clearInterval(this.timer);
    mine.delete(this.path);
    rmSync(this.path, { force: true });
  }

  private beat(): void {
    try {
      const now = new Date();
      utimesSync(this.path, now, now);
    } catch {
      // removed by hand: whoever did so decides
    }
  }
}

interface Holder {
  content: string;
  alive: boolean;
  who: string;
}

function holderOf(path: string): Holder | undefined {
  let content: string;
  let silent: number;
  try {
    content = readFileSync(path, 'utf8');
    silent = Date.now() - statSync(path).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [, host, pid] = /^\{"host":"([^"]*)","pid":(\d+),/.exec(content) ?? [];
  const who = pid === undefined ? 'another process' : `process ${pid} on ${host}`;
  if (host !== hostname()) return { content, who, alive: silent < SILENT_MS };
  // an earlier process of our number is gone
  const alive = Number(pid) === process.pid ? mine.has(path) : isAlive(Number(pid));
  return { content, who, alive };
}

function taken(path: string, { who }: Pick<Holder, 'who' | 'content'>, what: string): TruecastError {
  return new TruecastError(
    `${who} ${what}`,
    `wait until it is done or stop it; if there is no such process any more, remove ${path}`,
  );
}
