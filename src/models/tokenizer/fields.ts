import { TruecastError } from '../../support/errors.js';

/** A part of a tokenizer.json, read field by field with checks. `where` names file and key, for messages. */
export class Fields {
  readonly raw: Record<string, unknown>;

  constructor(
    raw: unknown,
    readonly where: string,
  ) {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) this.refuse('is not an object');
    this.raw = raw as Record<string, unknown>;
  }

  /** @throws TruecastError that this part is wrong in the way `problem` says */
  refuse(problem: string): never {
    throw damaged(`${this.where}${problem.startsWith(':') ? '' : ' '}${problem}`);
  }

  get type(): string {
    return this.string('type');
  }

  has(key: string): boolean {
    return this.raw[key] !== undefined && this.raw[key] !== null;
  }

  /** The value of `key`, whatever it is. */
  value(key: string): unknown {
    return Object.hasOwn(this.raw, key) ? this.raw[key] : undefined;
  }

  string(key: string, fallback?: string): string {
    return this.checked(key, fallback, (value): value is string => typeof value === 'string', 'a string');
  }

  boolean(key: string, fallback?: boolean): boolean {
    const check = (value: unknown): value is boolean => typeof value === 'boolean';
    return this.checked(key, fallback, check, 'true or false');
  }

  /** A whole number from 0 up to MAX_ID. */
  count(key: string, fallback?: number): number {
    return this.checked(key, fallback, isCount, 'a count');
  }

  list(key: string, fallback?: unknown[]): unknown[] {
    const check = (value: unknown): value is unknown[] => Array.isArray(value);
    return this.checked(key, fallback, check, 'a list');
  }

  object(key: string): Fields {
    return new Fields(this.value(key), `${this.where}.${key}`);
  }

  /** A part of the whole file, named as such. */
  part(key: string): Fields {
    return new Fields(this.value(key), `${this.where}: ${key}`);
  }

  /** The parts in a list. */
  objects(key: string, fallback?: unknown[]): Fields[] {
    return this.list(key, fallback).map((part, i) => new Fields(part, `${this.where}.${key}[${i}]`));
  }

  private checked<T>(
    key: string,
    fallback: T | undefined,
    check: (value: unknown) => value is T,
    what: string,
  ): T {
    const value = this.value(key) ?? fallback;
    if (!check(value)) this.refuse(`: ${key} is not ${what}`);
    return value;
  }
}

/** No published vocabulary comes near; the library makes lists of this length. */
export const MAX_ID = 2 ** 24 - 1;

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_ID;
}

export function damaged(message: string): TruecastError {
  return new TruecastError(
    `tokenizer cannot be used: ${message}`,
    'fetch its files again from where they came',
  );
}
