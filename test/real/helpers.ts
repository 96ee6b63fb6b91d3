import { inject } from 'vitest';
import type { ModelName } from './models.js';

const models = inject('models');

/** Why suites on a model are skipped; empty where they run. Goes into their names. */
export function skippedFor(name: ModelName | 'llama'): string {
  const model = models[name];
  return 'missing' in model ? ` (skipped: ${model.missing})` : '';
}

/** Its folder. */
export function folderOf(name: ModelName | 'llama'): string {
  const model = models[name];
  if ('missing' in model) throw new Error(`a test ran without its model: ${model.missing}`);
  return model.folder;
}
