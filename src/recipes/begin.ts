import { join } from 'node:path';
import { type BackendName, selectBackend } from '../backends/select.js';
import * as tf from '../backends/tf.js';
import type { Progress } from '../support/progress.js';
import { VERSION } from '../support/version.js';
import { RunFolder } from '../training/runFolder.js';

/** Options that every recipe takes beside its configuration. */
export interface RecipeContext {
  progress: Progress;
}

export interface RunSettings {
  name: string;
  directory: string;
  seed: number;
  backend: BackendName | 'auto';
}

/** Chooses the backend and opens the run's folder. */
export async function beginRun(
  config: { run: RunSettings },
  { progress }: RecipeContext,
): Promise<{ folder: RunFolder; backend: BackendName }> {
  const backend = await chooseBackend(config.run.backend, progress);
  const folder = RunFolder.open(join(config.run.directory, config.run.name), config, {
    truecast: VERSION,
    node: process.versions.node,
    tfjs: tf.version.tfjs,
    backend,
  });
  return { folder, backend };
}

/** Chooses the backend, and says which and why. */
export async function chooseBackend(choice: BackendName | 'auto', progress: Progress): Promise<BackendName> {
  const { name, why } = await selectBackend(choice);
  progress.note(`backend ${name} (${why})`);
  return name;
}
