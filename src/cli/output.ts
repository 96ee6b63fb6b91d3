import Table from 'cli-table3';
import type { ScoredResponse } from '../apc/score.js';
import { signed } from '../support/numbers.js';

/** Results go to standard output; everything else to standard error. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A line for people beside the results, on standard error. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A table for the terminal; the first row is its header. */
export function table([header, ...rows]: string[][]): string {
  const view = new Table({ head: header!, style: { head: [], border: [], compact: true } });
  view.push(...rows);
  return view.toString();
}

/** What each statement did to a score, the weightiest first. */
export function ledgerText({ ledger, apc, delta, active, passive, violations }: ScoredResponse): string {
  const sorted = [...ledger].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const rows = sorted.map((entry) => [
    entry.statement,
    entry.relevance.toFixed(2),
    entry.entailed.toFixed(2),
    entry.neutral.toFixed(2),
    entry.contradicted.toFixed(2),
    signed(entry.contribution, 3),
    entry.violated ? 'violated' : '',
  ]);
  const header = ['statement', 'relevance', 'entailed', 'neutral', 'contradicted', 'ΔAPC', ''];
  const sums = `APC ${apc.toFixed(3)}, ΔAPC ${signed(delta, 3)} = active ${active.toFixed(3)} − passive ${passive.toFixed(3)}`;
  return `${table([header, ...rows])}\n${sums}; ${violations} of ${ledger.length} statements violated`;
}
