import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { appendLine, writeFileAtomic } from '../support/files.js';
import type { Progress } from '../support/progress.js';
import type { TokenizedPair } from './pairs.js';
import type { KnownReferences, ReferenceLogProbs } from './reference.js';

/** Changes with what a line holds, and with whatever makes the same model give other numbers. */
const VERSION = 1;

const line = z.strictObject({
  /** Hash of the pair's tokens. */
  pair: z.string(),
  chosen: z.number(),
  rejected: z.number(),
  /** Of the other fields. */
  check: z.string(),
});
type Line = z.infer<typeof line>;

/**
 * Log-probabilities under references, kept from run to run: a file per reference, a line per pair. A line is there
 * whole or does not count; lines are only ever added, so that a stopped run goes on after them and several runs
 * may add at once.
 */
export class ReferenceCache implements KnownReferences {
  private constructor(
    readonly path: string,
    private readonly known: Map<string, ReferenceLogProbs>,
  ) {}

  /**
   * @param folder holds the files
   * @param reference everything that the numbers depend on besides the pairs: weights, what they are held in, …
   */
  static open(folder: string, reference: unknown, progress: Progress): ReferenceCache {
    const path = join(folder, `${digest([VERSION, reference])}.jsonl`);
    const known = new Map<string, ReferenceLogProbs>();
    if (!existsSync(path)) return new ReferenceCache(path, known);
    const text = readFileSync(path, 'utf8');
    const lines = text.split('\n').filter((entry) => entry !== '');
    const good = lines.filter((written) => {
      const entry = parse(written);
      if (entry) known.set(entry.pair, { chosen: entry.chosen, rejected: entry.rejected });
      return entry !== undefined;
    });
    const damaged = lines.length - good.length;
    if (damaged > 0) {
      progress.note(`warning: ${path}: ${damaged} damaged lines are left out, and computed again`);
    }
    if (damaged > 0 || !text.endsWith('\n'))
      writeFileAtomic(path, good.map((entry) => `${entry}\n`).join(''));
    return new ReferenceCache(path, known);
  }

  get(pair: TokenizedPair): ReferenceLogProbs | undefined {
    return this.known.get(pairHash(pair));
  }

  add(pairs: readonly TokenizedPair[], values: readonly ReferenceLogProbs[]): void {
    if (pairs.length === 0) return;
    const lines = pairs.map((pair, i) => {
      const { chosen, rejected } = values[i]!;
      const hash = pairHash(pair);
      this.known.set(hash, { chosen, rejected });
      const entry: Line = { pair: hash, chosen, rejected, check: checkOf(hash, chosen, rejected) };
      return JSON.stringify(entry);
    });
    mkdirSync(join(this.path, '..'), { recursive: true });
    appendLine(this.path, lines.join('\n'));
  }
}

function parse(text: string): Line | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { data } = line.safeParse(value);
  return data && data.check === checkOf(data.pair, data.chosen, data.rejected) ? data : undefined;
}

function pairHash({ prompt, chosen, rejected }: TokenizedPair): string {
  return digest([prompt, chosen, rejected]);
}

function checkOf(...fields: unknown[]): string {
  return digest(fields).slice(0, 8);
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
