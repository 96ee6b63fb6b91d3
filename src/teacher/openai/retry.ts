import { setTimeout as sleep } from 'node:timers/promises';
import { TruecastError } from '../../support/errors.js';
import type { Progress } from '../../support/progress.js';
import { Passing } from './failures.js';

export interface RetryOptions {
  attempts: number;
  pauseMs: number;
  longestWaitMs: number;
  progress: Progress;
  /** Told of the server's wish that nobody asks for a while. */
  hold?: (ms: number) => void;
  signal?: AbortSignal | undefined;
}

const LONGEST_BACKOFF_MS = 60_000;

/** All tries of one request failed, by what might have passed. */
export class GivenUp extends Error {}

/**
 * Does `attempt` until it succeeds, throws something else than Passing, or has failed too often. Between
 * two tries it waits as long as the server says; else twice as long each time, spread so that many do not
 * come back in one moment.
 * @throws GivenUp
 */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts, pauseMs, longestWaitMs, progress, hold, signal } = options;
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Passing)) throw error;
      if (failures === attempts) throw new GivenUp(`${error.message} (${attempts} times)`);
      const wanted = error.retryAfterMs;
      if (wanted !== undefined && wanted > longestWaitMs) {
        throw new TruecastError(
          `${error.message}; it wants us to wait ${Math.ceil(wanted / 1000)} s`,
          'run the same command then, or raise teacher.longestWaitSeconds',
        );
      }
      const spread = 0.5 + Math.random();
      const backoff = Math.min(LONGEST_BACKOFF_MS, pauseMs * 2 ** (failures - 1)) * spread;
      // not earlier than asked for, and not all at once
      const pause = wanted === undefined ? backoff : wanted + Math.min(pauseMs, 1000) * Math.random();
      if (wanted !== undefined && error.busy) hold?.(wanted);
      progress.note(`${error.message}; again in ${(pause / 1000).toFixed(1)} s`);
      await sleep(pause, undefined, signal ? { signal } : {});
    }
  }
}
