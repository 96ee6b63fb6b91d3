import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BackendName, selectBackend } from '../backends/select.js';
import * as tf from '../backends/tf.js';
import { readJson } from '../support/files.js';
import type { Progress } from '../support/progress.js';
import { VERSION } from '../support/version.js';
import { RunFolder } from '../training/runFolder.js';
import { findModels, type ModelCommits, type ModelNames, Models } from './models.js';

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

/** The commits of the models from the hub that a run began with, and goes on with. */
const COMMITS = 'models.json';

/** Finds the models that the run names (a finished one needs none), chooses the backend, opens the run's folder. */
export async function beginRun(
  config: { run: RunSettings },
  names: ModelNames,
  { progress }: RecipeContext,
): Promise<{ folder: RunFolder; backend: BackendName; models: Models }> {
  const path = join(config.run.directory, config.run.name);
  tidy(path);
  const finished = existsSync(join(path, 'result.json'));
  const recorded = existsSync(join(path, COMMITS))
    ? (readJson(join(path, COMMITS), "commits of the run's models") as ModelCommits)
    : undefined;
  const models = finished ? new Models([]) : await findModels(names, progress, recorded);
  const backend = await chooseBackend(config.run.backend, progress);
  const folder = RunFolder.open(path, config, {
    truecast: VERSION,
    node: process.versions.node,
    tfjs: tf.version.tfjs,
    backend,
  });
  if (recorded === undefined && Object.keys(models.commits).length > 0)
    folder.writeJson(COMMITS, models.commits);
  return { folder, backend, models };
}

/** What a run's folder holds before anything is made. */
const BEGUN = ['config.yaml', 'environment.json', COMMITS];

/**
 * Clears a run's folder of what a killed process left half-written. A run that stopped before it made
 * anything, at a model that was not there say, holds nobody to its configuration.
 */
function tidy(path: string): void {
  if (!existsSync(join(path, 'config.yaml')) || !existsSync(join(path, 'environment.json'))) return;
  for (const name of readdirSync(path, { recursive: true }) as string[]) {
    if (name.endsWith('.tmp')) rmSync(join(path, name), { recursive: true, force: true });
  }
  if (readdirSync(path).every((name) => BEGUN.includes(name))) {
    for (const name of [COMMITS, 'config.yaml']) rmSync(join(path, name), { force: true });
  }
}

/** Chooses the backend, and says which and why. */
export async function chooseBackend(choice: BackendName | 'auto', progress: Progress): Promise<BackendName> {
  const { name, why } = await selectBackend(choice);
  progress.note(`backend ${name} (${why})`);
  return name;
}
