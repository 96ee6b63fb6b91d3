import type { TestProject } from 'vitest/node';
import { fetchLlama } from './llama.js';
import { type Fetched, fetchModels, type ModelName } from './models.js';

declare module 'vitest' {
  interface ProvidedContext {
    models: Record<ModelName | 'llama', Fetched>;
  }
}

/**
 * Fetches the models, and llama.cpp, once, before any test. Where one cannot be had its suites are skipped and this says why;
 * with TRUECAST_REQUIRE_REAL=1 that is a failure.
 */
export default async function setup({ provide }: TestProject): Promise<void> {
  const models = { ...(await fetchModels()), llama: await fetchLlama() };
  for (const model of Object.values(models)) {
    if (!('missing' in model)) continue;
    if (process.env.TRUECAST_REQUIRE_REAL === '1') throw new Error(model.missing);
    process.stderr.write(`skipped: ${model.missing}\n`);
  }
  provide('models', models);
}
