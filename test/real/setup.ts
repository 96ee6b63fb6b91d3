import type { TestProject } from 'vitest/node';
import { fetchMinilm, type Minilm } from './minilm.js';

declare module 'vitest' {
  interface ProvidedContext {
    minilm: Minilm;
  }
}

/**
 * Fetches the model once, before any test. Where it cannot be had the suites are skipped and this says why;
 * with TRUECAST_REQUIRE_REAL=1 that is a failure.
 */
export default async function setup({ provide }: TestProject): Promise<void> {
  const minilm = await fetchMinilm();
  if ('missing' in minilm) {
    const text = `all-MiniLM-L6-v2 cannot be had: ${minilm.missing}`;
    if (process.env.TRUECAST_REQUIRE_REAL === '1') throw new Error(text);
    process.stderr.write(`skipped: ${text}\n`);
  }
  provide('minilm', minilm);
}
