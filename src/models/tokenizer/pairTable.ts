/**
 * From pairs of non-negative integers to one. Open addressing in typed arrays: a Map of the half million merges
 * of Gemma takes seconds to fill and a hundred megabytes.
 */
export class PairTable {
  private mask: number;
  private firsts: Int32Array;
  private seconds: Int32Array;
  /** One more than the value; 0 where a slot is free. */
  private values: Int32Array;
  private count = 0;

  constructor(expected = 16) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, expected * 1.5)));
    this.mask = capacity - 1;
    this.firsts = new Int32Array(capacity);
    this.seconds = new Int32Array(capacity);
    this.values = new Int32Array(capacity);
  }

  /** -1 where the pair is absent. */
  get(first: number, second: number): number {
    return this.values[this.slot(first, second)]! - 1;
  }

  /** Replaces what was there. */
  set(first: number, second: number, value: number): void {
    const slot = this.slot(first, second);
    if (this.values[slot] === 0 && ++this.count > 0.75 * this.mask) {
      this.grow();
      this.count++;
      this.put(this.slot(first, second), first, second, value);
      return;
    }
    this.put(slot, first, second, value);
  }

  private put(slot: number, first: number, second: number, value: number): void {
    this.firsts[slot] = first;
    this.seconds[slot] = second;
    this.values[slot] = value + 1;
  }

  /** Where the pair stands, or the free place where it belongs. */
  private slot(first: number, second: number): number {
    let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & this.mask;
    while (this.values[slot] !== 0 && (this.firsts[slot] !== first || this.seconds[slot] !== second)) {
      slot = (slot + 1) & this.mask;
    }
    return slot;
  }

  private grow(): void {
    const { firsts, seconds, values } = this;
    this.mask = 2 * (this.mask + 1) - 1;
    this.firsts = new Int32Array(this.mask + 1);
    this.seconds = new Int32Array(this.mask + 1);
    this.values = new Int32Array(this.mask + 1);
    this.count = 0;
    for (let i = 0; i < values.length; i++) {
      if (values[i] === 0) continue;
      this.count++;
      this.put(this.slot(firsts[i]!, seconds[i]!), firsts[i]!, seconds[i]!, values[i]! - 1);
    }
  }
}
