/** Pairs of a statement and a text scored in one call: enough to fill batches of all lengths, and not much to repeat. */
export const PAIRS_TOGETHER = 2048;

/** Cuts a list into runs whose sizes add up to `most` at most; what is larger alone is a run by itself. */
export function partsBySize<T extends { size: number }>(items: readonly T[], most: number): T[][] {
  const parts: T[][] = [];
  let sum = 0;
  for (const item of items) {
    if (parts.length === 0 || sum + item.size > most) {
      parts.push([]);
      sum = 0;
    }
    parts.at(-1)!.push(item);
    sum += item.size;
  }
  return parts;
}
