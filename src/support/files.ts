import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, systemError, TruecastError } from './errors.js';

/** Writes to a temporary name beside the target, then renames: a reader sees the old file or the new one. */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  writeAtomic(path, (fd) => {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    let offset = 0;
    while (offset < bytes.length) offset += writeSync(fd, bytes, offset, bytes.length - offset);
  });
}

/** As writeFileAtomic, for content that is written piece by piece to a file descriptor. */
export function writeAtomic(path: string, write: (fd: number) => void): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(temporary, 'w');
    try {
      write(fd);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
    throw systemError(error, `cannot write ${path}`) ?? error;
  }
}

/** Fills a folder under a temporary name beside `path`, then renames it: there is all of it, or nothing. */
export function writeFolderAtomic(path: string, fill: (temporary: string) => void): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    mkdirSync(temporary, { recursive: true });
    fill(temporary);
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary, { recursive: true, force: true });
    throw systemError(error, `cannot write ${path}`) ?? error;
  }
}

/** The text of a file, or an error that names it. */
export function readText(path: string, what: string): string {
  return readBytes(path, what).toString('utf8');
}

/** The bytes of a file, or an error that names it. */
export function readBytes(path: string, what: string): Buffer {
  if (!existsSync(path)) throw new TruecastError(`${what} not found: ${path}`, 'check the path');
  try {
    return readFileSync(path);
  } catch (error) {
    throw new TruecastError(
      `${what} cannot be read: ${path}: ${messageOf(error)}`,
      'name a file that you may read',
    );
  }
}

/** A parsed JSON file, or an error that names it and what is wrong. */
export function readJson(path: string, what: string): unknown {
  const text = readText(path, what);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TruecastError(
      `${what} is not JSON: ${path}: ${messageOf(error)}`,
      'mend it, or fetch it again from where it came',
    );
  }
}

/** Adds a line to a file. */
export function appendLine(path: string, line: string): void {
  appendFileSync(path, `${line}\n`);
}

/** Cuts off a last line without its end, which a killed process leaves: call it before appending again. */
export function dropHalfLine(path: string): void {
  if (!existsSync(path)) return;
  const text = readFileSync(path, 'utf8');
  if (text !== '' && !text.endsWith('\n')) writeFileAtomic(path, text.slice(0, text.lastIndexOf('\n') + 1));
}
