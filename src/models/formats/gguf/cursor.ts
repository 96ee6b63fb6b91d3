import { TruecastError } from '../../../support/errors.js';
import type { WeightBytes } from '../bytes.js';

/** A header that is longer is no header: the largest vocabularies take some tens of megabytes. */
const LARGEST_HEADER = 2 ** 28;
const WINDOW = 2 ** 20;

/**
 * Reads a file's little-endian header from its start. What is asked for is compared with what the file has left
 * before anything is allocated.
 */
export class Cursor {
  private readonly end: number;
  private window = Buffer.alloc(0);
  private windowAt = 0;
  private at = 0;

  constructor(private readonly file: WeightBytes) {
    this.end = Math.min(this.size, LARGEST_HEADER);
  }

  get path(): string {
    return this.file.path;
  }

  get size(): number {
    return this.file.size;
  }

  /** Bytes from the start of the file. */
  get position(): number {
    return this.at;
  }

  damaged(what: string): TruecastError {
    return new TruecastError(`${this.path} is no GGUF file that can be read: ${what}`, 'copy it again');
  }

  /** Throws unless `count` things of at least `size` bytes each can follow. */
  expectRoom(count: number, size: number, what: string): void {
    if (count * size > this.end - this.at) {
      throw this.damaged(
        `${what} at byte ${this.at} claims ${count} × ${size} bytes, ${this.end - this.at} follow`,
      );
    }
  }

  /** The next `count` bytes, valid until the next call. */
  take(count: number, what: string): Buffer {
    this.expectRoom(count, 1, what);
    const offset = this.at - this.windowAt;
    if (offset + count > this.window.length) return this.refill(count, what);
    this.at += count;
    return this.window.subarray(offset, offset + count);
  }

  private refill(count: number, what: string): Buffer {
    const window = Buffer.alloc(Math.min(Math.max(count, WINDOW), this.size - this.at));
    this.file.read(this.at, window, what);
    this.window = window;
    this.windowAt = this.at;
    this.at += count;
    return window.subarray(0, count);
  }

  u32(what: string): number {
    return this.take(4, what).readUInt32LE();
  }

  /** A count, length or offset: a number that a file of this size cannot mean is refused. */
  length(what: string): number {
    const value = this.take(8, what).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.damaged(`${what} is ${value}`);
    return Number(value);
  }

  string(what: string): string {
    const bytes = this.take(this.length(`the length of ${what}`), what);
    const text = bytes.toString('utf8');
    // a replacement mark stands for damage unless the text itself has one
    if (text.includes('\uFFFD') && !Buffer.from(text, 'utf8').equals(bytes)) {
      throw this.damaged(`${what} is not UTF-8`);
    }
    return text;
  }
}
