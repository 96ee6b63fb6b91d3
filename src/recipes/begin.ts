import { existsSync, readdirSync, rmSync } from 'node:fs';
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
  const path = join(config.run.directory, config.run.name);
  tidy(path);
  const folder = RunFolder.open(path, config, {
    truecast: VERSION,
    node: process.versions.node,
    tfjs: tf.version.tfjs,
    backend,
  });
  return { folder, backend };
}

/**
 * Clears a run's folder of what a killed process left half-written. A run that stopped before it made
 * anything, at a model that was not there say, holds nobody to its configuration.
 */
function tidy(path: string): void {
  if (!existsSync(join(path, 'config.yaml')) || !existsSync(join(path, 'environment.json'))) return;
  for (const name of readdirSync(path, { recursive: true }) as string[]) {
    if (name.endsWith('.tmp')) rmSync(join(path, name), { recursive: true, force: true });
  }
  if (readdirSync(path).length === 2) rmSync(join(path, 'config.yaml'));
}

/** Chooses the backend, and says which and why. */
export async function chooseBackend(choice: BackendName | 'auto', progress: Progress): Promise<BackendName> {
  const { name, why } = await selectBackend(choice);
  progress.note(`backend ${name} (${why})`);
  return name;
}
