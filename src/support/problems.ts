import { TruecastError } from './errors.js';

/** Gathers what is wrong with one input, so that its author sees everything in one go. */
export class Problems {
  private readonly found: string[] = [];

  /** `place` is `file:line`, or the file alone where there is no line. */
  add(place: string, what: string): void {
    this.found.push(`${place}: ${what}`);
  }

  get count(): number {
    return this.found.length;
  }

  /** Throws a TruecastError that lists the first `limit` problems and counts the others. */
  throwIfAny(subject: string, remedy: string, limit = Number.POSITIVE_INFINITY): void {
    if (this.found.length === 0) return;
    const shown = this.found.slice(0, limit);
    const hidden = this.found.length - shown.length;
    if (hidden > 0) shown.push(`… and ${hidden} more`);
    const count = this.found.length === 1 ? '1 problem' : `${this.found.length} problems`;
    throw new TruecastError(`${subject}: ${count}\n  ${shown.join('\n  ')}`, remedy);
  }
}
