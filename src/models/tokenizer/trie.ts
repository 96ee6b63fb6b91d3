import { PairTable } from './pairTable.js';

/** Strings by their prefixes, one UTF-16 unit a step, each with a non-negative integer. */
export class Trie {
  static readonly ROOT = 0;
  private readonly children: PairTable;
  /** Per node the value of the string that ends there, -1 for none. */
  private readonly ends: number[] = [-1];

  constructor(entries: Iterable<readonly [string, number]>, expected = 16) {
    this.children = new PairTable(4 * expected);
    for (const [text, value] of entries) {
      let node = Trie.ROOT;
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        let child = this.children.get(node, unit);
        if (child < 0) {
          child = this.ends.push(-1) - 1;
          this.children.set(node, unit, child);
        }
        node = child;
      }
      this.ends[node] = value;
    }
  }

  /** The node after one more unit, -1 where no string goes on so. */
  next(node: number, unit: number): number {
    return this.children.get(node, unit);
  }

  /** The value of the string that ends at a node, -1 for none. */
  valueAt(node: number): number {
    return this.ends[node]!;
  }
}
