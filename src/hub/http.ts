import { setTimeout as sleep } from 'node:timers/promises';
import { TruecastError } from '../support/errors.js';
import type { Progress } from '../support/progress.js';
import { VERSION } from '../support/version.js';
import { ConnectionFailure, connectionFailure, oneLine, StatusFailure, shortly } from './failures.js';
import type { HubSettings } from './settings.js';

const REDIRECTS = 10;

/** Aborts a request once `ms` have passed without `alive` being called. */
export class Stall {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  readonly signal: AbortSignal = this.controller.signal;

  constructor(host: string, ms: number) {
    const failure = new ConnectionFailure(`${host} sent nothing for ${ms / 1000} s`, 'STALLED');
    this.timer = setTimeout(() => this.controller.abort(failure), ms);
  }

  alive(): void {
    this.timer.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

/**
 * Asks for a URL and follows redirects by hand: the token goes to the endpoint's origin and to no other, and
 * an encrypted request does not become a plain one.
 *
 * @throws StatusFailure, ConnectionFailure
 */
export async function request(
  { endpoint, token }: HubSettings,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const home = new URL(endpoint).origin;
  let target = new URL(url);
  for (let hops = 0; ; hops++) {
    const own: Record<string, string> = { 'user-agent': `truecast/${VERSION}` };
    if (token !== undefined && target.origin === home) own.authorization = `Bearer ${token}`;
    let response: Response;
    try {
      response = await fetch(target.href, { headers: { ...headers, ...own }, redirect: 'manual', signal });
    } catch (error) {
      throw connectionFailure(error, target.host) ?? error;
    }
    const location = response.headers.get('location');
    if (response.ok) return response;
    if (response.status < 300 || response.status >= 400 || location === null) {
      throw await statusFailure(response, target);
    }
    await response.body?.cancel();
    const next = URL.canParse(location, target.href) ? new URL(location, target) : undefined;
    const plainer = target.protocol === 'https:' && next?.protocol !== 'https:';
    if (hops === REDIRECTS || next === undefined || plainer || !/^https?:$/.test(next.protocol)) {
      throw new TruecastError(
        `${target.host} redirects to where it must not: ${oneLine(location)}`,
        'check HF_ENDPOINT',
      );
    }
    target = next;
  }
}

/** `fetch` for the calls of @huggingface/hub: as `request`, with the whole body read in time. */
export function apiFetch(settings: HubSettings): typeof fetch {
  return async (input, init) => {
    const url = String(input);
    const { host } = new URL(url);
    const stall = new Stall(host, settings.timeoutMs);
    try {
      const headers = Object.fromEntries(new Headers(init?.headers));
      const response = await request(settings, url, headers, stall.signal);
      const body = await response.arrayBuffer();
      return new Response(body, { status: response.status, headers: response.headers });
    } catch (error) {
      throw connectionFailure(error, host) ?? error;
    } finally {
      stall.stop();
    }
  };
}

async function statusFailure(response: Response, url: URL): Promise<StatusFailure> {
  const { headers, status } = response;
  await response.body?.cancel();
  const said = headers.get('x-error-message');
  return new StatusFailure(
    status,
    url,
    headers.get('x-error-code'),
    said && oneLine(said),
    retryAfter(headers.get('retry-after')),
  );
}

/** Retry-After: seconds, or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

const ATTEMPTS = 6;
const LONGEST_PAUSE_MS = 30_000;
/** A server that wants us to wait longer is not waited for. */
const LONGEST_WAIT_MS = 10 * 60_000;

/** Counts failures in a row and waits between them, as long as the server says or twice as long each time. */
export class Retries {
  private failures = 0;

  constructor(
    private readonly settings: HubSettings,
    private readonly progress: Progress,
  ) {}

  /** Something came through: what fails from now on is counted anew. */
  progressed(): void {
    this.failures = 0;
  }

  /** Waits, or throws what cannot be mended by trying again. */
  async after(thrown: unknown): Promise<void> {
    this.failures++;
    if (this.failures === ATTEMPTS || !this.worthRetrying(thrown)) throw thrown;
    const wanted = thrown instanceof StatusFailure ? thrown.retryAfterMs : undefined;
    if (wanted !== undefined && wanted > LONGEST_WAIT_MS) throw thrown;
    // spread, so that many processes do not come back in one moment
    const backoff = this.settings.pauseMs * 2 ** (this.failures - 1) * (0.75 + Math.random() / 2);
    const pause = Math.max(wanted ?? 0, Math.min(backoff, LONGEST_PAUSE_MS));
    this.progress.note(`${shortly(thrown)}; again in ${Math.ceil(pause / 1000)} s`);
    await sleep(pause);
  }

  private worthRetrying(thrown: unknown): boolean {
    if (thrown instanceof StatusFailure)
      return thrown.status >= 500 || thrown.status === 429 || thrown.status === 408;
    return thrown instanceof ConnectionFailure && thrown.retryable;
  }
}

/** Does `work` until it succeeds or trying again is no use. A host that cannot be reached is given up at once. */
export async function retrying<T>(
  settings: HubSettings,
  progress: Progress,
  work: () => Promise<T>,
): Promise<T> {
  const retries = new Retries(settings, progress);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConnectionFailure && error.unreachable) throw error;
      await retries.after(error);
    }
  }
}
