import { messageOf, TruecastError } from '../support/errors.js';
import { isCommit } from './reference.js';
import type { HubSettings } from './settings.js';

/** An answer that is none: its status, and the hub's own code and words for it. */
export class StatusFailure extends Error {
  constructor(
    readonly status: number,
    readonly url: URL,
    /** X-Error-Code: GatedRepo, RepoNotFound, RevisionNotFound, EntryNotFound. */
    readonly code: string | null,
    readonly said: string | null,
    readonly retryAfterMs: number | undefined,
  ) {
    super(`${url.host} answered ${status}${said ? `: ${said}` : ''}`);
  }
}

/** No answer, or one that broke off. */
export class ConnectionFailure extends Error {
  constructor(
    message: string,
    /** The system's or the HTTP client's name of what happened. */
    readonly code?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** There is no way to the host: trying again at once is no use. */
  get unreachable(): boolean {
    return UNREACHABLE.has(this.code ?? '');
  }

  get retryable(): boolean {
    return !/CERT|SSL|TLS|SIGNED/.test(this.code ?? '');
  }
}

const UNREACHABLE = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** fetch throws a TypeError whose cause has the code; a body that breaks off, one named `terminated`. */
export function connectionFailure(thrown: unknown, host: string): ConnectionFailure | undefined {
  if (thrown instanceof ConnectionFailure) return thrown;
  if (!(thrown instanceof TypeError)) return undefined;
  const cause = thrown.cause as { code?: string; message?: string } | undefined;
  if (cause === undefined && !/fetch failed|terminated/.test(thrown.message)) return undefined;
  const why = cause?.code ?? cause?.message ?? thrown.message;
  return new ConnectionFailure(`no connection to ${host}: ${why}`, cause?.code, { cause: thrown });
}

/** Headers and bodies of servers end up on a terminal: one short line, no control characters. */
export function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** What went wrong with a repository, as an error for people. */
export function explain(
  thrown: unknown,
  about: { reference: string; repository: string; revision: string },
  { endpoint, token, tokenFrom }: HubSettings,
): unknown {
  const { reference, repository, revision } = about;
  const host = new URL(endpoint).host;
  const page = `${endpoint}/${repository}`;
  const failure = (what: string, remedy: string) =>
    new TruecastError(`${reference}: ${what}`, remedy, { cause: thrown });
  if (thrown instanceof ConnectionFailure) {
    return failure(
      thrown.message,
      thrown.retryable
        ? 'check the network and HF_ENDPOINT (behind a proxy: NODE_USE_ENV_PROXY=1 with Node 24 or later); the same command goes on where it stopped'
        : 'check the certificates: NODE_EXTRA_CA_CERTS takes those of your network',
    );
  }
  if (!(thrown instanceof StatusFailure)) return thrown;
  const { status, code, said } = thrown;
  if (thrown.url.origin !== new URL(endpoint).origin || code === 'EntryNotFound') {
    return failure(thrown.message, 'try again later; the same command goes on where it stopped');
  }
  if (code === 'GatedRepo' || (status === 403 && token)) {
    return failure(
      `the model is gated${said ? ` (${said})` : ''}`,
      token === undefined
        ? `accept its licence at ${page}, make a token at ${endpoint}/settings/tokens, and set HF_TOKEN to it`
        : `accept its licence at ${page} with the account of the token in ${tokenFrom}; the token must be allowed to read gated repositories`,
    );
  }
  if (code === 'RevisionNotFound' || (status === 404 && code === null && isCommit(revision))) {
    return failure(`${repository} has no revision ${revision}`, `${page} lists branches and tags`);
  }
  // the hub does not tell strangers which repositories exist: 401 stands for 404
  if (code === 'RepoNotFound' || status === 401 || status === 403 || status === 404) {
    const refused = status === 401 && token !== undefined && code !== 'RepoNotFound';
    if (refused)
      return failure(
        `${host} refuses the token in ${tokenFrom}`,
        'make a new one, or remove it for public models',
      );
    return failure(
      `there is no such path here, and ${host} has no such model, or does not show it`,
      token === undefined
        ? 'check the spelling; for a private model set HF_TOKEN'
        : `check the spelling; a private model must be readable with the token in ${tokenFrom}`,
    );
  }
  return failure(thrown.message, 'try again later; the same command goes on where it stopped');
}

/** The message of a failure that is tried again. */
export const shortly = (thrown: unknown): string => oneLine(messageOf(thrown));
