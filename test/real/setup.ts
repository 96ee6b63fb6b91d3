import type { TestProject } from 'vitest/node';
import { fetchGemmaTokenizers, type GemmaTokenizers } from './gemmaTokenizers.js';
import { fetchMinilm, type Minilm } from './minilm.js';

declare module 'vitest' {
  interface ProvidedContext {
    minilm: Minilm;
    gemmaTokenizers: GemmaTokenizers;
  }
}

/**
 * Fetches the models once, before any test. Where one cannot be had its suites are skipped and this says why;
 * with TRUECAST_REQUIRE_REAL=1 that is a failure.
 */
export default async function setup({ provide }: TestProject): Promise<void> {
  const minilm = await fetchMinilm();
  report('all-MiniLM-L6-v2', minilm);
  provide('minilm', minilm);
  const gemmaTokenizers = await fetchGemmaTokenizers();
  report('Gemma’s tokenizers', gemmaTokenizers);
  provide('gemmaTokenizers', gemmaTokenizers);
}

function report(what: string, fetched: object | { missing: string }): void {
  if (!('missing' in fetched)) return;
  const text = `${what} cannot be had: ${fetched.missing}`;
  if (process.env.TRUECAST_REQUIRE_REAL === '1') throw new Error(text);
  process.stderr.write(`skipped: ${text}\n`);
}
