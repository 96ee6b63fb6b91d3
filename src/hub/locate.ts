import { existsSync, mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listFiles, modelInfo } from '@huggingface/hub';
import { systemError, TruecastError } from '../support/errors.js';
import { bytesText } from '../support/numbers.js';
import type { Progress } from '../support/progress.js';
import { CachedRepository } from './cache.js';
import { downloadFile, type RemoteFile } from './download.js';
import { ConnectionFailure, explain } from './failures.js';
import { apiFetch, retrying } from './http.js';
import { CONFIGS, neededFiles, otherUse, type Purpose, shardsOf } from './needed.js';
import { type HubReference, isCommit, isPlainPath, parseReference } from './reference.js';
import { type HubSettings, hubSettings } from './settings.js';

/** A model on this machine. */
export interface LocatedModel {
  /** As the user wrote it. */
  reference: string;
  /** Folder or .gguf file. */
  path: string;
  /** Of a model from the hub: owner/name, and the commit that its files are from. */
  repository?: string;
  commit?: string;
}

export interface WantedModel {
  reference: string;
  /** Absent: whatever the repository holds. */
  purpose?: Purpose;
  /** The commit to take, whatever the revision names by now: a resumed run's. */
  commit?: string;
}

/** A located model whose files may not all be there yet. */
interface Plan {
  model: LocatedModel;
  missing: RemoteFile[];
  fetch: (file: RemoteFile) => Promise<void>;
}

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
  const references = wanted.map(({ reference }) => parseReference(reference));
  const plans: Plan[] = [];
  for (const [i, reference] of references.entries()) {
    plans.push(
      reference.kind === 'path'
        ? {
            model: { reference: wanted[i]!.reference, path: reference.path },
            missing: [],
            fetch: async () => {},
          }
        : await explained(wanted[i]!, reference, settings, () =>
            new Lookup(wanted[i]!, reference, progress, settings).plan(),
          ),
    );
  }
  const bytes = sum(plans.flatMap(({ missing }) => missing));
  if (bytes > 0) checkRoom(settings.cache, bytes);
  for (const [i, { model, missing, fetch }] of plans.entries()) {
    if (missing.length === 0) continue;
    progress.note(
      `${model.reference}: ${missing.length} files, ${bytesText(sum(missing))}, at commit ${model.commit?.slice(0, 8)}`,
    );
    await explained(wanted[i]!, references[i] as HubReference, settings, async () => {
      for (const file of missing) await fetch(file);
    });
  }
  return plans.map(({ model }) => model);
}

/** One model's way from its name to its files. */
class Lookup {
  private readonly cached: CachedRepository;

  constructor(
    private readonly wanted: WantedModel,
    private readonly about: HubReference,
    private readonly progress: Progress,
    private readonly settings: HubSettings,
  ) {
    this.cached = new CachedRepository(settings.cache, about.repository);
  }

  async plan(): Promise<Plan> {
    const { offline, endpoint } = this.settings;
    if (offline !== undefined) return this.fromCache(`${offline} forbids downloads`);
    try {
      return await this.fromHub();
    } catch (error) {
      if (!(error instanceof ConnectionFailure && error.unreachable)) throw error;
      const plan = this.fromCache(`${new URL(endpoint).host} cannot be reached (${error.code})`, error);
      const commit = plan.model.commit!.slice(0, 8);
      this.progress.note(
        `warning: ${this.wanted.reference}: ${error.message}; taken from the cache, at commit ${commit}`,
      );
      return plan;
    }
  }

  /** The model as it lies in the cache; what it lacks is an error. */
  private fromCache(why: string, cause?: unknown): Plan {
    const { reference } = this.wanted;
    const { repository, revision, file } = this.about;
    const fail = (what: string) =>
      new TruecastError(
        `${reference}: ${why}, and ${what}`,
        `fetch it where there is a network (truecast download ${reference}), or name a folder`,
        { cause },
      );
    const commit = this.wanted.commit ?? this.cached.commitOf(revision);
    if (commit === undefined || !existsSync(this.cached.snapshot(commit))) {
      const what = `${repository} (${commit ?? revision})`;
      throw fail(
        `there is no folder of that name, and ${what} is not in the cache: looked in ${this.cached.folder}`,
      );
    }
    const snapshot = this.cached.snapshot(commit);
    const missing: string[] = [];
    if (file !== undefined) {
      if (!existsSync(join(snapshot, file))) missing.push(file);
    } else {
      const names = this.cached.names(commit);
      const needed = neededFiles(this.purpose(names), names);
      missing.push(...needed.missing);
      if (needed.index !== undefined) {
        const shards = shardsOf(needed.index, readFileSync(join(snapshot, needed.index), 'utf8'));
        missing.push(...shards.filter((name) => !names.includes(name)));
      }
    }
    if (missing.length > 0) throw fail(`its snapshot in the cache lacks ${missing.join(', ')}: ${snapshot}`);
    return { model: this.located(commit), missing: [], fetch: async () => {} };
  }

  private async fromHub(): Promise<Plan> {
    const { repository, revision } = this.about;
    const commit = this.wanted.commit ?? (isCommit(revision) ? revision : await this.lookUp(revision));
    const listed = await this.list(commit);
    const fetch = (file: RemoteFile) => this.fetch(commit, file);
    const absent = (file: RemoteFile) => !this.cached.has(commit, file.name, file.size);
    const find = (name: string) => {
      const file = listed.get(name);
      if (file !== undefined) return file;
      const gguf = [...listed.keys()].filter((other) => other.endsWith('.gguf'));
      throw new TruecastError(
        `${this.wanted.reference}: ${repository} has no ${name} at commit ${commit.slice(0, 8)}`,
        gguf.length > 0
          ? `it has ${gguf.join(', ')}`
          : `${this.settings.endpoint}/${repository} lists its files`,
      );
    };
    const files = (await this.names(commit, listed, find)).map(find).filter(absent);
    // a reference to a commit without files would end Python's scan of the cache
    if (this.wanted.commit === undefined) {
      mkdirSync(this.cached.snapshot(commit), { recursive: true });
      this.cached.keepCommit(revision, commit);
    }
    return { model: this.located(commit), missing: files, fetch };
  }

  /** The files to have. Those that decide on others, or tell whether the repository may be read, are fetched. */
  private async names(
    commit: string,
    listed: ReadonlyMap<string, RemoteFile>,
    find: (name: string) => RemoteFile,
  ): Promise<string[]> {
    if (this.about.file !== undefined) return [this.about.file];
    const { reference } = this.wanted;
    const top = [...listed.keys()];
    const purpose = this.purpose(top);
    const needed = neededFiles(purpose, top);
    const lacking = needed.missing.filter((what) => !what.startsWith('a tokenizer'));
    if (lacking.length > 0) {
      throw new TruecastError(
        `${reference}: the repository has no ${lacking.join(' and no ')}`,
        otherUse(this.about.repository, purpose, top),
      );
    }
    const read = async (name: string) => {
      const file = find(name);
      if (!this.cached.has(commit, name, file.size)) await this.fetch(commit, file);
      return readFileSync(join(this.cached.snapshot(commit), name), 'utf8');
    };
    await read(CONFIGS[purpose]);
    if (needed.index === undefined) return needed.files;
    return [...needed.files, ...shardsOf(needed.index, await read(needed.index))];
  }

  private purpose(names: readonly string[]): Purpose {
    const adapter = names.includes('adapter_config.json') && !names.includes('config.json');
    return this.wanted.purpose ?? (adapter ? 'adapter' : 'model');
  }

  private located(commit: string): LocatedModel {
    const { repository, file } = this.about;
    const snapshot = this.cached.snapshot(commit);
    const path = file === undefined ? snapshot : join(snapshot, file);
    return { reference: this.wanted.reference, path, repository, commit };
  }

  private async lookUp(revision: string): Promise<string> {
    const { sha } = await this.ask(() =>
      modelInfo({ ...this.api, name: this.about.repository, revision, additionalFields: ['sha'] }),
    );
    if (isCommit(String(sha))) return sha;
    throw new TruecastError(
      `${this.wanted.reference}: the hub names no commit for ${revision}`,
      'check HF_ENDPOINT',
    );
  }

  /** The repository's files by their paths. */
  private async list(commit: string): Promise<Map<string, RemoteFile>> {
    const entries = await this.ask(async () => {
      const found = [];
      const query = { ...this.api, repo: this.about.repository, revision: commit, recursive: true };
      for await (const entry of listFiles(query)) found.push(entry);
      return found;
    });
    const files = new Map<string, RemoteFile>();
    for (const { type, path, size, oid, lfs } of entries) {
      if (type === 'file' && isPlainPath(path))
        files.set(path, { name: path, size: lfs?.size ?? size, hash: lfs?.oid ?? oid ?? '' });
    }
    return files;
  }

  private async fetch(commit: string, file: RemoteFile): Promise<void> {
    const { repository } = this.about;
    if (
      !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(file.hash) ||
      !(Number.isSafeInteger(file.size) && file.size >= 0)
    ) {
      throw new TruecastError(
        `${this.wanted.reference}: the hub lists ${file.name} without a size and checksum that can be used`,
        'check HF_ENDPOINT',
      );
    }
    const blob = this.cached.blob(file.hash);
    if (!existsSync(blob)) {
      const path = file.name.split('/').map(encodeURIComponent).join('/');
      const url = `${this.settings.endpoint}/${repository}/resolve/${commit}/${path}`;
      await downloadFile(this.settings, url, file, blob, this.progress);
    }
    this.cached.link(commit, file.name, file.hash);
  }

  private get api() {
    return { hubUrl: this.settings.endpoint, fetch: apiFetch(this.settings) };
  }

  private ask<T>(work: () => Promise<T>): Promise<T> {
    return retrying(this.settings, this.progress, work);
  }
}

const sum = (files: readonly RemoteFile[]) => files.reduce((total, { size }) => total + size, 0);

/** @throws TruecastError where the disk cannot hold what will be downloaded */
function checkRoom(cache: string, bytes: number): void {
  let folder = cache;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize > bytes) return;
  throw new TruecastError(
    `${bytesText(bytes)} are to be downloaded, ${bytesText(bavail * bsize)} are free in ${cache}`,
    'make room, or set HF_HUB_CACHE to a folder on another disk',
  );
}

async function explained<T>(
  { reference }: WantedModel,
  { repository, revision }: HubReference,
  settings: HubSettings,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw (
      systemError(error, 'the cache of models cannot be used') ??
      explain(error, { reference, repository, revision }, settings)
    );
  }
}
