import { listFiles, modelInfo } from '@huggingface/hub';
import { z } from 'zod';
import { messageOf, TruecastError } from '../support/errors.js';
import type { Progress } from '../support/progress.js';
import type { RemoteFile } from './download.js';
import { ConnectionFailure, oneLine, StatusFailure } from './failures.js';
import { apiFetch, retrying } from './http.js';
import { isCommit, isPlainPath } from './reference.js';
import type { HubSettings } from './settings.js';

const entriesSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.unknown(),
    oid: z.unknown(),
    lfs: z.object({ oid: z.unknown(), size: z.unknown() }).nullish(),
  }),
);

/** What the hub says of repositories, asked through `@huggingface/hub`. What it answers is not trusted. */
export class HubApi {
  constructor(
    private readonly settings: HubSettings,
    private readonly progress: Progress,
  ) {}

  /** The commit that a branch or tag names. */
  commitOf(repository: string, revision: string): Promise<string> {
    return this.ask(async (call) => {
      const { sha } = await modelInfo({ ...call, name: repository, revision, additionalFields: ['sha'] });
      if (typeof sha !== 'string' || !isCommit(sha)) throw new Error('a revision without its commit');
      return sha;
    });
  }

  /** The files of a commit, by their paths; those that would lead out of a folder are none. */
  files(repository: string, commit: string): Promise<Map<string, RemoteFile>> {
    return this.ask(async (call) => {
      const found = [];
      const query = { ...call, repo: repository, revision: commit, recursive: true };
      for await (const entry of listFiles(query)) found.push(entry);
      const files = entriesSchema
        .parse(found)
        .filter(({ type, path }) => type === 'file' && isPlainPath(path));
      return new Map(
        files.map(({ path: name, size, oid, lfs }) => [
          name,
          { name, size: Number(lfs ? lfs.size : size), hash: String(lfs ? lfs.oid : oid) },
        ]),
      );
    });
  }

  private async ask<T>(work: (call: { hubUrl: string; fetch: typeof fetch }) => Promise<T>): Promise<T> {
    const call = { hubUrl: this.settings.endpoint, fetch: apiFetch(this.settings) };
    try {
      return await retrying(this.settings, this.progress, () => work(call));
    } catch (error) {
      if ([StatusFailure, ConnectionFailure, TruecastError].some((kind) => error instanceof kind))
        throw error;
      // a page that is no JSON, or JSON of another shape
      throw new TruecastError(
        `${this.settings.endpoint} does not answer as a hub does: ${oneLine(messageOf(error))}`,
        'check HF_ENDPOINT',
        { cause: error },
      );
    }
  }
}
