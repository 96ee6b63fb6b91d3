import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A token bucket that holds a second's worth, so that no minute sees much more than the limit. It may go
 * below zero: by a request larger than the bucket, or by one that took more than estimated.
 */
export class Bucket {
  private level: number;
  private at: number;
  private readonly capacity: number;

  constructor(
    private readonly perMinute: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.capacity = Math.max(1, perMinute / 60);
    this.level = this.capacity;
    this.at = now();
  }

  /** Takes `n` if there are as many, or if the bucket is full; else how many ms until then. */
  take(n: number): number {
    this.refill();
    const wanted = Math.min(n, this.capacity);
    // sums of fractions of a second fall short of the whole by less than this
    if (this.level >= wanted - 1e-6) {
      this.level -= n;
      return 0;
    }
    return ((wanted - this.level) * 60_000) / this.perMinute;
  }

  /** Puts back, or takes away where `n` is negative. */
  correct(n: number): void {
    this.refill();
    this.level = Math.min(this.capacity, this.level + n);
  }

  private refill(): void {
    const now = this.now();
    this.level = Math.min(this.capacity, this.level + ((now - this.at) * this.perMinute) / 60_000);
    this.at = now;
  }
}

export interface PaceOptions {
  requestsPerMinute?: number | undefined;
  tokensPerMinute?: number | undefined;
}

/** Lets requests pass one after the other, as fast as the limits and the server's own wishes allow. */
export class Pace {
  private readonly requests: Bucket | undefined;
  private readonly tokens: Bucket | undefined;
  private turn: Promise<void> = Promise.resolve();
  private heldUntil = 0;

  constructor({ requestsPerMinute, tokensPerMinute }: PaceOptions) {
    this.requests = requestsPerMinute === undefined ? undefined : new Bucket(requestsPerMinute);
    this.tokens = tokensPerMinute === undefined ? undefined : new Bucket(tokensPerMinute);
  }

  /** Resolves when a request of about so many tokens may be sent. */
  pass(tokens: number, signal?: AbortSignal): Promise<void> {
    const turn = this.turn.then(() => this.wait(tokens, signal));
    // one that is called off leaves its place to the next
    this.turn = turn.catch(() => {});
    return turn;
  }

  /** The server wants no request for so long. */
  hold(ms: number): void {
    this.heldUntil = Math.max(this.heldUntil, performance.now() + ms);
  }

  /** Once it is known how many tokens were used. */
  correct(estimated: number, used: number): void {
    this.tokens?.correct(estimated - used);
  }

  private async wait(tokens: number, signal?: AbortSignal): Promise<void> {
    const pause = (ms: number) => sleep(Math.ceil(ms), undefined, signal ? { signal } : {});
    signal?.throwIfAborted();
    for (let ms = this.requests?.take(1) ?? 0; ms > 0; ms = this.requests!.take(1)) await pause(ms);
    for (let ms = this.tokens?.take(tokens) ?? 0; ms > 0; ms = this.tokens!.take(tokens)) await pause(ms);
    for (let ms = this.heldUntil - performance.now(); ms > 0; ms = this.heldUntil - performance.now()) {
      await pause(ms);
    }
  }
}

/** Lets at most so many pieces of work run at a time; the others wait in line. */
export class Slots {
  private free: number;
  private readonly line: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((next) => this.line.push(next));
    try {
      return await work();
    } finally {
      const next = this.line.shift();
      if (next) next();
      else this.free++;
    }
  }
}
