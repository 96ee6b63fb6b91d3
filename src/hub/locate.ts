import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemError, TruecastError } from '../support/errors.js';
import { bytesText } from '../support/numbers.js';
import type { Progress } from '../support/progress.js';
import { explain } from './failures.js';
import { type LocatedModel, Lookup, type Plan, present, type WantedModel } from './lookup.js';
import { parseReference } from './reference.js';
import { type HubSettings, hubSettings } from './settings.js';

export type { LocatedModel, WantedModel };

/**
 * Finds models on this machine, in the cache or on the hub, and downloads what is missing. All are looked up
 * before the first large file is downloaded: a misspelt one is told at once.
 *
 * @param given instead of what the environment says of the hub
 * @throws TruecastError where one cannot be had
 */
export async function locateModels(
  wanted: readonly WantedModel[],
  progress: Progress,
  given?: HubSettings,
): Promise<LocatedModel[]> {
  // settings of the hub that cannot be used hinder nobody who does not use it
  let settings = given;
  const asked = wanted.map((model) => ({ model, about: parseReference(model.reference) }));
  const plans: (Plan & { explained: Explained })[] = [];
  for (const { model, about } of asked) {
    if (about.kind === 'path') {
      const located = { reference: model.reference, path: about.path };
      plans.push({ ...present(located), explained: (work) => work() });
    } else {
      settings ??= hubSettings();
      const explained = explainer({ reference: model.reference, ...about }, settings);
      const lookup = new Lookup(model, about, progress, settings);
      plans.push({ ...(await explained(() => lookup.plan())), explained });
    }
  }
  if (settings !== undefined) checkRoom(settings.cache, plans);
  for (const { model, missing, bytes, finish, explained } of plans) {
    if (missing.length > 0) {
      const commit = model.commit?.slice(0, 8);
      progress.note(`${model.reference}: ${missing.length} files, ${bytesText(bytes)}, at commit ${commit}`);
    }
    await explained(finish);
  }
  return plans.map(({ model }) => model);
}

/** @throws TruecastError where the disk cannot hold what will be downloaded */
function checkRoom(cache: string, plans: readonly Plan[]): void {
  const bytes = plans.reduce((sum, plan) => sum + plan.bytes, 0);
  if (bytes === 0) return;
  let folder = cache;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize > bytes) return;
  throw new TruecastError(
    `${bytesText(bytes)} are to be downloaded, ${bytesText(bavail * bsize)} are free in ${cache}`,
    'make room, or set HF_HUB_CACHE to a folder on another disk',
  );
}

type Explained = <T>(work: () => Promise<T>) => Promise<T>;

/** Does work on a repository; what goes wrong becomes an error for people. */
function explainer(
  about: { reference: string; repository: string; revision: string },
  settings: HubSettings,
): Explained {
  return async (work) => {
    try {
      return await work();
    } catch (error) {
      throw systemError(error, 'the cache of models cannot be used') ?? explain(error, about, settings);
    }
  };
}
