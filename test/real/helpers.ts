import { inject } from 'vitest';

const minilm = inject('minilm');

/** Why suites on MiniLM are skipped; empty where they run. Goes into their names. */
export const skipped = 'missing' in minilm ? ` (skipped: ${minilm.missing})` : '';

/** MiniLM's folder. */
export function folder(): string {
  if ('missing' in minilm) throw new Error(`a test ran without its model: ${minilm.missing}`);
  return minilm.folder;
}
