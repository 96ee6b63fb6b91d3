/**
 * Counter-based random numbers: a value depends on a key and a counter alone, not on what was drawn
 * before. So a resumed run draws what an uninterrupted one would, and batching changes nothing.
 */

/** 32-bit finaliser (the constants of MurmurHash3's fmix32). */
function mix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** Folds a path of numbers and names into a 32-bit key. */
export function randomKey(...path: (number | string)[]): number {
  let key = 0x9e3779b9 | 0;
  for (const part of path) {
    if (typeof part === 'number') {
      key = mix(Math.imul(key ^ (part | 0), 0x9e3779b1) + Math.floor(part / 2 ** 32));
    } else {
      for (let i = 0; i < part.length; i++) key = mix(Math.imul(key ^ part.charCodeAt(i), 0x9e3779b1));
      key = mix(key ^ part.length);
    }
  }
  return key;
}

/** 32 random bits, as an int32, for counter `index` under `key`. */
export function bitsAt(key: number, index: number): number {
  return mix(mix(key ^ Math.imul(index, 0x9e3779b1)) + Math.imul(index, 0x85ebca77));
}

/** Uniform in [0, 1), 24 bits (exact in float32). */
export function uniformAt(key: number, index: number): number {
  return (bitsAt(key, index) >>> 8) / 2 ** 24;
}

/** Integer in [0, n). */
export function integerAt(key: number, index: number, n: number): number {
  return Math.floor(uniformAt(key, index) * n);
}

/** Standard normal, by Box–Muller over two counters. */
export function normalAt(key: number, index: number): number {
  const u = 1 - uniformAt(key, 2 * index);
  const v = uniformAt(key, 2 * index + 1);
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

/** A shuffled copy (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], key: number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = integerAt(key, i, i + 1);
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}
