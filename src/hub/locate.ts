import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemError, TruecastError } from '../support/errors.js';
import { bytesText } from '../support/numbers.js';
import type { Progress } from '../support/progress.js';
import type { RemoteFile } from './download.js';
import { explain } from './failures.js';
import { type LocatedModel, Lookup, type Plan, present, type WantedModel } from './lookup.js';
import { parseReference } from './reference.js';
import { type HubSettings, hubSettings } from './settings.js';

export type { LocatedModel, WantedModel };

/**
 * Finds models on this machine, in the cache or on the hub, and downloads what is missing. All are looked up
 * before the first large file is downloaded: a misspelt one is told at once.
 *
 * @throws TruecastError where one cannot be had
 */
export async function locateModels(
  wanted: readonly WantedModel[],
  progress: Progress,
  settings: HubSettings = hubSettings(),
): Promise<LocatedModel[]> {
  const asked = wanted.map((model) => ({ model, about: parseReference(model.reference) }));
  const plans: (Plan & { explained: Explained })[] = [];
  for (const { model, about } of asked) {
    if (about.kind === 'path') {
      const located = { reference: model.reference, path: about.path };
      plans.push({ ...present(located), explained: (work) => work() });
    } else {
      const explained = explainer({ reference: model.reference, ...about }, settings);
      const lookup = new Lookup(model, about, progress, settings);
      plans.push({ ...(await explained(() => lookup.plan())), explained });
    }
  }
  checkRoom(settings.cache, sum(plans.flatMap(({ missing }) => missing)));
  for (const { model, missing, finish, explained } of plans) {
    if (missing.length > 0) {
      const commit = model.commit?.slice(0, 8);
      progress.note(
        `${model.reference}: ${missing.length} files, ${bytesText(sum(missing))}, at commit ${commit}`,
      );
    }
    await explained(finish);
  }
  return plans.map(({ model }) => model);
}

const sum = (files: readonly RemoteFile[]) => files.reduce((total, { size }) => total + size, 0);

/** @throws TruecastError where the disk cannot hold what will be downloaded */
function checkRoom(cache: string, bytes: number): void {
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
