import OpenAI from 'openai';
import { TruecastError } from '../../support/errors.js';
import type { Secret } from '../secret.js';
import type { FailureReason } from '../teacher.js';

/** What may pass if the request is sent again. */
export class Passing extends Error {
  constructor(
    message: string,
    /** How long the server wants us to wait. */
    readonly retryAfterMs?: number,
    /** The server has too much to do: others should wait, too. */
    readonly busy = false,
  ) {
    super(message);
  }
}

/** The endpoint refused this very request. */
export class Rejection extends Error {
  constructor(
    readonly reason: FailureReason,
    message: string,
    /** The request key that it names as wrong, if it does. */
    readonly about: string,
  ) {
    super(message);
  }
}

/**
 * What a call of the client threw, sorted: Passing, Rejection, or a TruecastError where no request will do.
 * Neither keeps the original: it holds headers, and what the server echoes.
 */
export function sorted(
  thrown: unknown,
  { endpoint, model, secret }: { endpoint: string; model: string; secret: Secret },
): Error {
  if (thrown instanceof TruecastError || thrown instanceof Passing || thrown instanceof Rejection)
    return thrown;
  const host = new URL(endpoint).host;
  if (thrown instanceof OpenAI.APIConnectionError) {
    const cause = rootOf(thrown);
    return new Passing(`no connection to ${host}: ${oneLine(secret.redact(cause))}`);
  }
  if (!(thrown instanceof OpenAI.APIError) || thrown.status === undefined) {
    // a body that breaks off or is no JSON: of a server in trouble
    return new Passing(`${host}: ${oneLine(secret.redact(rootOf(thrown)))}`);
  }
  const { status, code } = thrown;
  const said = oneLine(secret.redact(thrown.message.replace(/^\d+ /, '')));
  const refused = (remedy: string) => new TruecastError(`${host} answered ${status}: ${said}`, remedy);
  if (status === 401 || status === 403) {
    const remedy = 'check the key in the environment variable that the configuration names (teacher.keyFrom)';
    return refused(remedy);
  }
  if (status === 404) return refused(`check teacher.baseUrl (${endpoint}) and teacher.model (${model})`);
  if (status === 402 || code === 'insufficient_quota' || code === 'billing_hard_limit_reached') {
    return refused('the account has no means left; once it has, the same command goes on');
  }
  if (status === 408 || status === 409 || status === 429 || status >= 500) {
    const busy = status === 429 || status === 503;
    return new Passing(`${host} answered ${status}: ${said}`, retryAfter(thrown.headers), busy);
  }
  return new Rejection(reasonOf(String(code ?? ''), said), `${status}: ${said}`, `${thrown.param} ${said}`);
}

function reasonOf(code: string, said: string): FailureReason {
  if (code === 'context_length_exceeded' || /context (length|size|window)|maximum context/i.test(said))
    return 'too-long';
  if (/content_filter|content_policy/.test(code) || /content (management )?(policy|filter)/i.test(said))
    return 'filtered';
  return 'rejected';
}

/** Retry-After in seconds or as a date, or retry-after-ms, in milliseconds. */
export function retryAfter(headers: Headers | undefined): number | undefined {
  const exact = headers?.get('retry-after-ms')?.trim();
  if (exact && /^\d+(\.\d+)?$/.test(exact)) return Number(exact);
  const value = headers?.get('retry-after')?.trim();
  if (!value) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** fetch says "fetch failed", and only its cause why. */
function rootOf(thrown: unknown): string {
  let error = thrown;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return error.message || (code ?? error.name);
}

/** Words of servers end up on a terminal: one short line, no control characters. */
export function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
