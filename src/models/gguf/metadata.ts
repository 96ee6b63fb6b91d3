import { TruecastError } from '../../support/errors.js';
import type { GgufValue } from '../formats/gguf/values.js';

/** Typed access to a GGUF file's metadata; values of another type are refused by their key. */
export class GgufMetadata {
  constructor(
    readonly path: string,
    private readonly values: ReadonlyMap<string, GgufValue>,
  ) {}

  optional<T>(key: string, kind: Kind<T>): T | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    if (!kind.is(value)) throw this.wrong(`${key} is no ${kind.name}`);
    return value;
  }

  required<T>(key: string, kind: Kind<T>): T {
    const value = this.optional(key, kind);
    if (value === undefined) throw this.wrong(`it has no ${key}`);
    return value;
  }

  wrong(what: string, remedy = 'convert the model again with a current llama.cpp'): TruecastError {
    return new TruecastError(`${this.path} cannot be used: ${what}`, remedy);
  }
}

interface Kind<T> {
  name: string;
  is(value: unknown): value is T;
}

const listOf = <T>(kind: Kind<T>): Kind<readonly T[]> => ({
  name: `list whose every element is a ${kind.name}`,
  is: (value): value is T[] => Array.isArray(value) && value.every((element) => kind.is(element)),
});

export const text: Kind<string> = {
  name: 'text',
  is: (value): value is string => typeof value === 'string',
};
export const truth: Kind<boolean> = {
  name: 'truth value',
  is: (value): value is boolean => typeof value === 'boolean',
};
export const real: Kind<number> = {
  name: 'finite number',
  is: (value): value is number => Number.isFinite(value),
};
export const whole: Kind<number> = {
  name: 'whole number',
  is: (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
};
export const texts = listOf(text);
export const reals = listOf(real);
export const wholes = listOf(whole);
export const truths = listOf(truth);
