import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TruecastError } from '../support/errors.js';
import type { Progress } from '../support/progress.js';
import { HubApi } from './api.js';
import { CachedRepository } from './cache.js';
import { downloadFile, type RemoteFile } from './download.js';
import { ConnectionFailure } from './failures.js';
import { CONFIGS, neededFiles, otherUse, type Purpose, shardsOf } from './needed.js';
import { type HubReference, isCommit } from './reference.js';
import type { HubSettings } from './settings.js';

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
export interface Plan {
  model: LocatedModel;
  missing: RemoteFile[];
  /** What is still to be downloaded of them. */
  bytes: number;
  /** Downloads what is missing. */
  finish: () => Promise<void>;
}

export const present = (model: LocatedModel): Plan => ({
  model,
  missing: [],
  bytes: 0,
  finish: async () => {},
});

/** One model's way from its name to its files. */
export class Lookup {
  private readonly cached: CachedRepository;
  private readonly api: HubApi;

  constructor(
    private readonly wanted: WantedModel,
    private readonly about: HubReference,
    private readonly progress: Progress,
    private readonly settings: HubSettings,
  ) {
    this.cached = new CachedRepository(settings.cache, about.repository);
    this.api = new HubApi(settings, progress);
  }

  async plan(): Promise<Plan> {
    const { offline, endpoint } = this.settings;
    if (offline !== undefined) return present(this.fromCache(`${offline} forbids downloads`));
    try {
      return await this.fromHub();
    } catch (error) {
      if (!(error instanceof ConnectionFailure && error.unreachable)) throw error;
      const why = `${new URL(endpoint).host} cannot be reached (${error.code})`;
      const model = this.fromCache(why, error);
      this.progress.note(
        `warning: ${model.reference}: ${why}; taken from the cache, at commit ${model.commit!.slice(0, 8)}`,
      );
      return present(model);
    }
  }

  /** The model as it lies in the cache; what it lacks is an error. */
  private fromCache(why: string, cause?: unknown): LocatedModel {
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
    return this.located(commit);
  }

  private async fromHub(): Promise<Plan> {
    const { repository, revision } = this.about;
    const named = this.wanted.commit ?? (isCommit(revision) ? revision : undefined);
    const commit = named ?? (await this.api.commitOf(repository, revision));
    const listed = await this.api.files(repository, commit);
    const find = (name: string) => {
      const file = listed.get(name);
      if (file !== undefined) return this.checked(file);
      const gguf = [...listed.keys()].filter((other) => other.endsWith('.gguf'));
      const others = gguf.length > 0 ? `it has ${gguf.join(', ')}` : undefined;
      throw new TruecastError(
        `${this.wanted.reference}: ${repository} has no ${name} at commit ${commit.slice(0, 8)}`,
        others ?? `${this.settings.endpoint}/${repository} lists its files`,
      );
    };
    const files = (await this.names(commit, [...listed.keys()], find)).map(find);
    const missing = files.filter(({ name, size }) => !this.cached.has(commit, name, size));
    const finish = async () => {
      for (const file of missing) await this.fetch(commit, file);
      // only now: whoever has no network then finds a whole model under the revision
      if (named === undefined) this.cached.keepCommit(revision, commit);
    };
    const bytes = missing.reduce(
      (sum, { hash, size }) => sum + Math.max(0, size - this.cached.bytesOf(hash)),
      0,
    );
    return { model: this.located(commit), missing, bytes, finish };
  }

  /** The files to have. Those that decide on others, or tell whether the repository may be read, are fetched. */
  private async names(
    commit: string,
    listed: readonly string[],
    find: (name: string) => RemoteFile,
  ): Promise<string[]> {
    if (this.about.file !== undefined) return [this.about.file];
    const purpose = this.purpose(listed);
    const needed = neededFiles(
      purpose,
      listed.filter((name) => !name.includes('/')),
    );
    const lacking = needed.missing.filter((what) => !what.startsWith('a tokenizer'));
    if (lacking.length > 0) {
      throw new TruecastError(
        `${this.wanted.reference}: the repository has no ${lacking.join(' and no ')}`,
        otherUse(this.about.repository, purpose, listed),
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

  private checked(file: RemoteFile): RemoteFile {
    if (
      !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(file.hash) ||
      !Number.isSafeInteger(file.size) ||
      file.size < 0
    ) {
      throw new TruecastError(
        `${this.wanted.reference}: the hub lists ${file.name} without a size and checksum that can be used`,
        'check HF_ENDPOINT',
      );
    }
    return file;
  }

  private async fetch(commit: string, file: RemoteFile): Promise<void> {
    if (!this.cached.hasBlob(file.hash, file.size)) {
      const path = file.name.split('/').map(encodeURIComponent).join('/');
      const url = `${this.settings.endpoint}/${this.about.repository}/resolve/${commit}/${path}`;
      await downloadFile(this.settings, url, file, this.cached.blob(file.hash), this.progress);
    }
    this.cached.link(commit, file.name, file.hash);
  }
}
