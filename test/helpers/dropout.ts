import type { DropoutAttributes } from '../../src/ops/dropout.js';
import { bitsAt } from '../../src/support/random.js';

/** What dropout multiplies the n-th element by: 16 of its key's random bits tell, two elements sharing a word. */
export function keeping(dropout: DropoutAttributes | undefined): (n: number) => number {
  if (!dropout) return () => 1;
  const { rate, key } = dropout;
  const threshold = Math.round(rate * 0x10000);
  return (n) => {
    const word = bitsAt(key, n >> 1);
    return ((n & 1 ? word >>> 16 : word) & 0xffff) < threshold ? 0 : 1 / (1 - rate);
  };
}
