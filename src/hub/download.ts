import { createHash } from 'node:crypto';
import { constants, createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemError, TruecastError } from '../support/errors.js';
import type { Progress, ProgressBar } from '../support/progress.js';
import { ConnectionFailure, connectionFailure } from './failures.js';
import { Retries, request, Stall } from './http.js';
import { claimPartial, releasePartial } from './partial.js';
import type { HubSettings } from './settings.js';

/** A file as the hub lists it. */
export interface RemoteFile {
  name: string;
  size: number;
  /** SHA-256 of a large file's content (64 digits), else git's SHA-1 of the blob (40 digits). */
  hash: string;
}

/** Files below this many bytes get no bar of their own. */
const SMALL = 2 ** 20;

/**
 * Downloads a file to `target`, going on where an earlier download stopped, and checks its hash before it
 * appears under that name. `@huggingface/hub` writes into the cache too, but begins anew each time, never
 * gives up on a silent server, and checks nothing.
 */
export async function downloadFile(
  settings: HubSettings,
  url: string,
  { name, size, hash }: RemoteFile,
  target: string,
  progress: Progress,
): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const partial = claimPartial(target);
  const retries = new Retries(settings, progress);
  let bar: ProgressBar | undefined;
  let damaged = false;
  try {
    for (;;) {
      try {
        const done = sizeOf(partial, size);
        bar ??= size < SMALL ? undefined : progress.start(name, size, done, 'bytes');
        if (done < size || size === 0) {
          await fetchRest(settings, url, partial, done, size, (now) => {
            retries.progressed();
            bar?.update(now);
          });
        }
        const found = await hashOf(partial, hash.length === 64 ? 'sha256' : 'git');
        if (found === hash) return renameSync(partial, target);
        rmSync(partial);
        if (damaged) throw damagedError(name, url, found, hash);
        damaged = true;
        progress.note(`${name}: its checksum is wrong; once more from the beginning`);
      } catch (error) {
        await retries.after(error);
      }
    }
  } catch (error) {
    throw systemError(error, `cannot write ${partial}`) ?? error;
  } finally {
    bar?.stop();
    releasePartial(partial);
  }
}

/** Bytes of a download that are there already; one that has too many is none. */
function sizeOf(partial: string, size: number): number {
  if (!existsSync(partial)) return 0;
  const { size: there } = statSync(partial);
  if (there <= size) return there;
  rmSync(partial);
  return 0;
}

/** Appends what is missing from `begin` on. */
async function fetchRest(
  settings: HubSettings,
  url: string,
  partial: string,
  begin: number,
  size: number,
  onProgress: (done: number) => void,
): Promise<void> {
  const { host } = new URL(url);
  const stall = new Stall(host, settings.timeoutMs);
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT);
  try {
    const range: Record<string, string> = begin > 0 ? { range: `bytes=${begin}-` } : {};
    // compressed on the way, ranges and sizes would be of something else
    const headers = { 'accept-encoding': 'identity', ...range };
    const response = await request(settings, url, headers, stall.signal);
    let position = startOf(response, begin, host);
    if (response.body !== null) {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        stall.alive();
        if (position + chunk.length > size)
          throw new TruecastError(`${url}: sends more than the ${size} bytes that it lists`, TRY_LATER);
        await writeAll(handle, chunk, position);
        position += chunk.length;
        onProgress(position);
      }
    }
    if (position < size)
      throw new ConnectionFailure(`${host} ended the file at byte ${position} of ${size}`, 'TRUNCATED');
    await handle.sync();
  } catch (error) {
    throw connectionFailure(error, host) ?? error;
  } finally {
    stall.stop();
    await handle.close();
  }
}

/** Where an answer begins: where it was asked to, or, of a server that knows no ranges, at 0. */
function startOf(response: Response, asked: number, host: string): number {
  if (response.status !== 206) return 0;
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (Number(start ?? Number.NaN) === asked) return asked;
  throw new ConnectionFailure(`${host} sends another part of the file than was asked for`, 'RANGE');
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    offset += (await handle.write(bytes, offset, bytes.length - offset, position + offset)).bytesWritten;
  }
}

async function hashOf(path: string, kind: 'sha256' | 'git'): Promise<string> {
  const hash = createHash(kind === 'git' ? 'sha1' : 'sha256');
  if (kind === 'git') hash.update(`blob ${statSync(path).size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest('hex');
}

const TRY_LATER = 'try again later; a proxy or mirror on the way may change files';

function damagedError(name: string, url: string, found: string, hash: string): TruecastError {
  return new TruecastError(
    `${name} from ${new URL(url).host} is damaged: its checksum is ${found}, listed is ${hash}`,
    TRY_LATER,
  );
}
