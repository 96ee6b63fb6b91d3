import { type LocatedModel, locateModels, type WantedModel } from '../hub/locate.js';
import type { Purpose } from '../hub/needed.js';
import type { Progress } from '../support/progress.js';

export { type HubReport, hubReport } from '../hub/settings.js';
export type { LocatedModel };

/** The models that a recipe names; undefined ones are not wanted. */
export interface ModelNames {
  models?: readonly (string | undefined)[];
  adapters?: readonly (string | undefined)[];
}

/** The commits of a run's models from the hub, by the names that its configuration gives them. */
export type ModelCommits = Readonly<Record<string, string>>;

/** The located models of a recipe. */
export class Models {
  constructor(private readonly located: readonly LocatedModel[]) {}

  /** A model by the name that it was wanted under. */
  get(reference: string): LocatedModel {
    const model = this.located.find((one) => one.reference === reference);
    if (model === undefined) throw new Error(`${reference} was not located`);
    return model;
  }

  path(reference: string): string {
    return this.get(reference).path;
  }

  get commits(): ModelCommits {
    return Object.fromEntries(
      this.located.flatMap(({ reference, commit }) => (commit === undefined ? [] : [[reference, commit]])),
    );
  }
}

/**
 * Finds all models that a recipe names, before any work: folders, .gguf files, or models of the hub, which are
 * downloaded where the cache lacks them. What follows is local.
 *
 * @param commits those that a resumed run began with
 */
export async function findModels(
  { models = [], adapters = [] }: ModelNames,
  progress: Progress,
  commits: ModelCommits = {},
): Promise<Models> {
  const wanted = new Map<string, WantedModel>();
  const want = (reference: string | undefined, purpose: Purpose) => {
    if (reference === undefined) return;
    const commit = commits[reference];
    wanted.set(`${purpose} ${reference}`, { reference, purpose, ...(commit ? { commit } : {}) });
  };
  for (const reference of models) want(reference, 'model');
  for (const reference of adapters) want(reference, 'adapter');
  return new Models(await locateModels([...wanted.values()], progress));
}

/** Brings models of the hub into the cache; paths are given back as they are. */
export function download(
  references: readonly string[],
  { progress }: { progress: Progress },
): Promise<LocatedModel[]> {
  return locateModels(
    references.map((reference) => ({ reference })),
    progress,
  );
}
