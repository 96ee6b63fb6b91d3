import type { TestProject } from 'vitest/node';
import { fetchGemmaTokenizers, type GemmaTokenizers } from './gemmaTokenizers.js';
import { fetchLlama } from './llama.js';
import { type Fetched, fetchModels, type ModelName } from './models.js';

declare module 'vitest' {
  interface ProvidedContext {
    models: Record<ModelName | 'llama', Fetched>;
    gemmaTokenizers: GemmaTokenizers;
  }
}

/**
 * Fetches the models, and llama.cpp, once, before any test. Where one cannot be had its suites are skipped and this says why;
 * with TRUECAST_REQUIRE_REAL=1 that is a failure.
 */
export default async function setup({ provide }: TestProject): Promise<void> {
  const models = { ...(await fetchModels()), llama: await fetchLlama() };
  const gemmaTokenizers = await fetchGemmaTokenizers();
  for (const fetched of [...Object.values(models), gemmaTokenizers]) {
    if (!('missing' in fetched)) continue;
    if (process.env.TRUECAST_REQUIRE_REAL === '1') throw new Error(fetched.missing);
    process.stderr.write(`skipped: ${fetched.missing}\n`);
  }
  provide('models', models);
  provide('gemmaTokenizers', gemmaTokenizers);
}
