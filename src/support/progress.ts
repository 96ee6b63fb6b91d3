import { Presets, SingleBar } from 'cli-progress';
import { bytesText } from './numbers.js';

/** A running count on the terminal: done of total, rate, time left, and a few figures. */
export interface ProgressBar {
  update(done: number, figures?: Record<string, string>): void;
  stop(): void;
}

/** What is counted: things, or bytes, which are shown as MB or GB. */
export type ProgressUnit = 'count' | 'bytes';

/** Where long work shows how far it is. Results go to standard output, progress to standard error. */
export interface Progress {
  start(what: string, total: number, done?: number, unit?: ProgressUnit): ProgressBar;
  /** A line of its own. */
  note(text: string): void;
}

/** Shows nothing: for tests and for use as a library. */
export const silent: Progress = {
  start: () => ({ update() {}, stop() {} }),
  note() {},
};

/** Bars on a terminal; where standard error is none, a line every few seconds. */
export function terminalProgress(): Progress {
  return {
    start: (what, total, done = 0, unit = 'count') =>
      process.stderr.isTTY ? bar(what, total, done, unit) : lines(what, total, done, unit),
    note: (text) => process.stderr.write(`${text}\n`),
  };
}

function bar(what: string, total: number, done: number, unit: ProgressUnit): ProgressBar {
  const view = new SingleBar(
    {
      format: `${what} {bar} {now}/{all} · {rate}/s · {left} left {figures}`,
      stream: process.stderr,
      barsize: 24,
      clearOnComplete: false,
      hideCursor: true,
      linewrap: false,
    },
    Presets.shades_classic,
  );
  const clock = new Clock(total, done, unit);
  view.start(total, done, { ...clock.at(done), figures: '' });
  return {
    update(now, figures = {}) {
      view.update(now, { ...clock.at(now), figures: show(figures) });
    },
    stop: () => view.stop(),
  };
}

const LINE_INTERVAL_MS = 5000;

function lines(what: string, total: number, done: number, unit: ProgressUnit): ProgressBar {
  const clock = new Clock(total, done, unit);
  let last = 0;
  return {
    update(now, figures = {}) {
      if (Date.now() - last < LINE_INTERVAL_MS && now < total) return;
      last = Date.now();
      const { now: shown, all, rate, left } = clock.at(now);
      process.stderr.write(`${what} ${shown}/${all} · ${rate}/s · ${left} left ${show(figures)}\n`);
    },
    stop() {},
  };
}

class Clock {
  private readonly begin = Date.now();

  constructor(
    private readonly total: number,
    private readonly first: number,
    private readonly unit: ProgressUnit,
  ) {}

  at(now: number): { now: string; all: string; rate: string; left: string } {
    const seconds = (Date.now() - this.begin) / 1000;
    const rate = (now - this.first) / Math.max(seconds, 1e-3);
    const text = this.unit === 'bytes' ? bytesText : String;
    const counts = { now: text(now), all: text(this.total) };
    if (rate === 0) return { ...counts, rate: '–', left: '–' };
    const perSecond = this.unit === 'bytes' ? bytesText(rate) : rate.toFixed(rate < 10 ? 1 : 0);
    return { ...counts, rate: perSecond, left: duration((this.total - now) / rate) };
  }
}

/** Seconds as 45s, 3m20s or 1h05m. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
  return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
}

function show(figures: Record<string, string>): string {
  return Object.entries(figures)
    .map(([name, value]) => `· ${name} ${value}`)
    .join(' ');
}
