import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { TruecastError } from '../support/errors.js';
import { appendLine, readJson, writeFileAtomic } from '../support/files.js';

/** What a run depends on besides its configuration. */
export interface RunEnvironment {
  truecast: string;
  node: string;
  tfjs: string;
  backend: string;
}

const ENVIRONMENT = 'environment.json';
const CHECKPOINTS = 'checkpoints';
const KEPT_CHECKPOINTS = 2;

/**
 * `runs/<name>/`: config.yaml as resolved, environment.json, metrics.jsonl, checkpoints, results. The same
 * command on the same folder goes on where it stopped; another configuration there is an error.
 */
export class RunFolder {
  private constructor(readonly path: string) {}

  /**
   * Opens or creates a run's folder.
   * @throws TruecastError where it holds a run of another configuration or backend
   */
  static open(path: string, config: unknown, environment: RunEnvironment): RunFolder {
    const run = new RunFolder(path);
    const text = stringify(config);
    const stored = join(path, 'config.yaml');
    const remedy = 'give the run another name, or remove the folder to start anew';
    if (existsSync(stored)) {
      const differing = differences(parse(readFileSync(stored, 'utf8')), parse(text));
      if (differing.length > 0) {
        throw new TruecastError(
          `${path} holds a run of another configuration:\n  ${differing.join('\n  ')}`,
          remedy,
        );
      }
      const before = readJson(join(path, ENVIRONMENT), 'run environment') as RunEnvironment;
      if (before.backend !== environment.backend) {
        throw new TruecastError(
          `${path} was begun on the backend ${before.backend}, this is ${environment.backend}`,
          `use --backend ${before.backend}; or ${remedy}`,
        );
      }
      return run;
    }
    // killed before config.yaml was there, a run leaves no more than its environment
    const begun = (name: string) => name === ENVIRONMENT || name.endsWith('.tmp');
    if (existsSync(path) && !readdirSync(path).every(begun)) {
      throw new TruecastError(`${path} exists and is no run's folder`, 'give the run another name');
    }
    mkdirSync(path, { recursive: true });
    run.writeJson(ENVIRONMENT, environment);
    writeFileAtomic(stored, text);
    return run;
  }

  file(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  writeJson(name: string, value: unknown): void {
    writeFileAtomic(this.file(name), `${JSON.stringify(value, null, 2)}\n`);
  }

  readJson(name: string): unknown {
    return readJson(this.file(name), 'result');
  }

  /** Appends a row to metrics.jsonl. Rows hold no times: a resumed run's file equals an uninterrupted one's. */
  logMetrics(row: Record<string, number | string>): void {
    appendLine(this.file('metrics.jsonl'), JSON.stringify(row));
  }

  /** The rows of metrics.jsonl. */
  metrics(): Record<string, number | string>[] {
    if (!this.has('metrics.jsonl')) return [];
    const lines = readFileSync(this.file('metrics.jsonl'), 'utf8').split('\n');
    // a killed process may leave half a line at the end
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line));
  }

  /** Forgets the metrics of steps after `step`: they will be written again. */
  rewindMetrics(step: number): void {
    const kept = this.metrics().filter((row) => Number(row.step) <= step);
    writeFileAtomic(this.file('metrics.jsonl'), kept.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  /** Writes a checkpoint into a folder of its own, complete or not at all; drops all but the last two. */
  saveCheckpoint(step: number, write: (folder: string) => void): void {
    const name = `step-${String(step).padStart(6, '0')}`;
    const temporary = this.file(CHECKPOINTS, `${name}.tmp`);
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    write(temporary);
    rmSync(this.file(CHECKPOINTS, name), { recursive: true, force: true });
    // the old ones go first: a run killed in between ends with as many as any other
    for (const old of this.checkpoints().slice(0, 1 - KEPT_CHECKPOINTS)) {
      rmSync(this.file(CHECKPOINTS, old), { recursive: true });
    }
    renameSync(temporary, this.file(CHECKPOINTS, name));
  }

  /** The newest checkpoint's folder. */
  lastCheckpoint(): string | undefined {
    const last = this.checkpoints().at(-1);
    return last === undefined ? undefined : this.file(CHECKPOINTS, last);
  }

  private checkpoints(): string[] {
    if (!this.has(CHECKPOINTS)) return [];
    return readdirSync(this.file(CHECKPOINTS))
      .filter((name) => /^step-\d+$/.test(name))
      .sort();
  }
}

/** The keys by which two configurations differ, with both values. */
function differences(there: unknown, now: unknown, key = ''): string[] {
  if (isMap(there) && isMap(now)) {
    const names = [...new Set([...Object.keys(there), ...Object.keys(now)])];
    return names.flatMap((name) => differences(there[name], now[name], key ? `${key}.${name}` : name));
  }
  const [a, b] = [there, now].map((value) => (value === undefined ? 'absent' : JSON.stringify(value)));
  return a === b ? [] : [`${key}: ${a} there, ${b} now`];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
