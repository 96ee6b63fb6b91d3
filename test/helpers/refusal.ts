import { expect } from 'vitest';
import { TruecastError } from '../../src/support/errors.js';

/** The message of the TruecastError that a call must throw, with its remedy. */
export function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (!(error instanceof TruecastError)) throw error;
    expect(error.remedy, error.message).toBeTruthy();
    return `${error.message} | ${error.remedy}`;
  }
  throw new Error('expected a refusal');
}
