import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** What goes wrong with one answer. Bytes are counted from where the answer begins. */
export type Fault =
  | { kind: 'reset' | 'truncate' | 'stall'; after: number }
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  /** One bit of the content is wrong. */
  | { kind: 'damage' }
  | { kind: 'more' }
  | { kind: 'no ranges' }
  | { kind: 'other range' };

export interface Asked {
  at: 'hub' | 'cdn';
  path: string;
  authorization?: string;
  range?: string;
}

interface Repository {
  commits: Map<string, Map<string, Buffer>>;
  refs: Map<string, string>;
  gated: boolean;
  private: boolean;
}

/** Files of this many bytes are "large": kept by SHA-256 and sent by the CDN. */
const LARGE = 1000;
const PAGE = 4;

/**
 * A local server that speaks the hub's paths: revisions, tree listings in pages, files by `resolve`, which
 * sends one to another host for large ones. Faults are injected per file; every request is remembered.
 */
export class FakeHub {
  readonly asked: Asked[] = [];
  /** The token that opens gated and private repositories. */
  readonly token = 'hf_secretSecretSecret';
  endpoint = '';
  cdn = '';
  /** Bytes per piece of an answer, and the pause after each. */
  pace = { bytes: 64 * 1024, ms: 0 };
  /** Changes what a tree listing says. */
  relist: (entries: Record<string, unknown>[]) => Record<string, unknown>[] = (entries) => entries;
  private readonly repositories = new Map<string, Repository>();
  private readonly faults = new Map<string, Fault[]>();
  private readonly servers: Server[] = [];

  /** A running hub, stopped after the file's last test. */
  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    const listen = async (at: Asked['at']) => {
      const server = createServer((request, response) => {
        hub.answer(at, request, response).catch((error) => response.destroy(error as Error));
      });
      hub.servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as AddressInfo).port;
    };
    hub.endpoint = `http://127.0.0.1:${await listen('hub')}`;
    hub.cdn = `http://localhost:${await listen('cdn')}`;
    afterAll(() => hub.stop());
    return hub;
  }

  stop(): void {
    for (const server of this.servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  /** Publishes files as the newest commit of a branch; returns the commit. */
  publish(
    repository: string,
    files: Readonly<Record<string, string | Buffer>>,
    { branch = 'main', gated = false, private: hidden = false } = {},
  ): string {
    const entry = this.repositories.get(repository) ?? {
      commits: new Map(),
      refs: new Map(),
      gated,
      private: hidden,
    };
    const content = new Map(Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes)]));
    const commit = createHash('sha1').update(`${repository} ${branch} ${entry.commits.size}`).digest('hex');
    entry.commits.set(commit, content);
    entry.refs.set(branch, commit);
    this.repositories.set(repository, entry);
    return commit;
  }

  publishFolder(repository: string, folder: string, leaveOut: readonly string[] = []): string {
    const names = readdirSync(folder).filter(
      (name) => statSync(join(folder, name)).isFile() && !leaveOut.includes(name),
    );
    return this.publish(
      repository,
      Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))])),
    );
  }

  /** The next answers for a file (or `revision`, `tree`) fail so, one after the other. */
  fail(name: string, ...faults: Fault[]): void {
    this.faults.set(name, [...(this.faults.get(name) ?? []), ...faults]);
  }

  /** Forgets requests and faults. */
  reset(): void {
    this.asked.length = 0;
    this.faults.clear();
    this.relist = (entries) => entries;
  }

  /** Names of files whose content was sent. */
  get sent(): string[] {
    return this.asked
      .filter(({ path }) => path.includes('/resolve/'))
      .map(({ path }) => path.split('/resolve/')[1]!.slice(41));
  }

  private async answer(at: Asked['at'], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://hub');
    const path = decodeURIComponent(url.pathname);
    const { authorization, range } = request.headers;
    this.asked.push({ at, path, ...(authorization ? { authorization } : {}), ...(range ? { range } : {}) });
    const fail = (status: number, code: string, text: string) =>
      response.writeHead(status, { 'x-error-code': code, 'x-error-message': text }).end();

    if (at === 'cdn') {
      const [, repository, commit, name] = /^\/([^/]+\/[^/]+)\/(\w+)\/(.+)$/.exec(path)!;
      const bytes = this.repositories.get(repository!)!.commits.get(commit!)!.get(name!)!;
      return this.send(response, bytes, range, name!, {});
    }
    const [, , repository, kind, rest = ''] =
      /^\/(api\/models\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\/(.*)$/.exec(path) ?? [];
    const entry = this.repositories.get(repository ?? '');
    const mayRead = authorization === `Bearer ${this.token}`;
    if (authorization !== undefined && !mayRead) {
      response.writeHead(401, { 'x-error-message': 'Invalid credentials in Authorization header' }).end();
      return;
    }
    if (entry === undefined || (entry.private && !mayRead)) {
      fail(mayRead ? 404 : 401, 'RepoNotFound', 'Repository not found');
      return;
    }
    const names = [...entry.commits.keys(), ...entry.refs.keys()];
    const revision = names.find((name) => rest === name || rest.startsWith(`${name}/`));
    if (revision === undefined) {
      fail(404, 'RevisionNotFound', 'Invalid rev id');
      return;
    }
    const commit = entry.refs.get(revision) ?? revision;
    const files = entry.commits.get(commit)!;
    if (kind !== 'resolve') {
      const fault = this.faults.get(kind!)?.shift();
      if (fault?.kind === 'status') {
        response.writeHead(fault.status, fault.headers).end();
        return;
      }
      if (fault?.kind === 'reset') {
        request.socket.resetAndDestroy();
        return;
      }
      if (fault?.kind === 'stall') return;
    }
    if (kind === 'revision') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ _id: '1', id: repository, sha: commit, lastModified: new Date(0) }));
      return;
    }
    if (kind === 'tree') {
      const all = this.relist([...files].map(([name, bytes]) => listing(name, bytes)));
      const begin = Number(url.searchParams.get('cursor') ?? 0);
      if (begin + PAGE < all.length) {
        url.searchParams.set('cursor', String(begin + PAGE));
        response.setHeader('link', `<${this.endpoint}${url.pathname}${url.search}>; rel="next"`);
      }
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(all.slice(begin, begin + PAGE)));
      return;
    }
    const name = rest.slice(revision.length + 1);
    const bytes = files.get(name);
    if (bytes === undefined) {
      fail(404, 'EntryNotFound', 'Entry not found');
      return;
    }
    if (entry.gated && !mayRead) {
      fail(401, 'GatedRepo', `Access to model ${repository} is restricted`);
      return;
    }
    const headers = { 'x-repo-commit': commit };
    if (bytes.length < LARGE)
      return this.send(response, bytes, range, name, { ...headers, etag: `"${gitHash(bytes)}"` });
    response
      .writeHead(302, {
        ...headers,
        location: `${this.cdn}/${repository}/${commit}/${name}`,
        'x-linked-etag': `"${sha256(bytes)}"`,
        'x-linked-size': String(bytes.length),
      })
      .end();
  }

  private async send(
    response: ServerResponse,
    bytes: Buffer,
    range: string | undefined,
    name: string,
    headers: Record<string, string>,
  ): Promise<void> {
    const fault = this.faults.get(name)?.shift();
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, fault.headers).end();
      return;
    }
    const asked = Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    const begin = fault?.kind === 'no ranges' ? 0 : asked;
    let body = bytes.subarray(begin);
    if (fault?.kind === 'damage') {
      body = Buffer.from(body);
      body[body.length >> 1]! ^= 1;
    }
    if (fault?.kind === 'more') body = Buffer.concat([body, Buffer.alloc(100)]);
    if (fault !== undefined && 'after' in fault) body = body.subarray(0, fault.after);
    if (range !== undefined && fault?.kind !== 'no ranges') {
      const from = fault?.kind === 'other range' ? begin + 1 : begin;
      headers['content-range'] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    }
    // without a content-length a body that ends early looks like a whole one
    if (fault === undefined) headers['content-length'] = String(body.length);
    response.writeHead(headers['content-range'] ? 206 : 200, headers);
    response.flushHeaders();
    for (let at = 0; at < body.length; at += this.pace.bytes) {
      if (response.destroyed) return;
      response.write(body.subarray(at, at + this.pace.bytes));
      if (this.pace.ms > 0) await new Promise((resolve) => setTimeout(resolve, this.pace.ms));
    }
    if (fault?.kind === 'stall') return;
    if (fault?.kind === 'reset') {
      // what was written is to arrive first
      setTimeout(() => response.socket?.resetAndDestroy(), 50);
      return;
    }
    response.end();
  }
}

function listing(name: string, bytes: Buffer): Record<string, unknown> {
  const entry = { type: 'file', path: name, size: bytes.length, oid: gitHash(bytes) };
  if (bytes.length < LARGE) return entry;
  return { ...entry, lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } };
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** git's name of a blob. */
export function gitHash(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** The files under a folder, by their paths. */
export function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => !statSync(join(folder, name)).isDirectory())
    .sort();
}
