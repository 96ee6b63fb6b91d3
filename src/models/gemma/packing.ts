/** Tokens of a row at which its attention costs about as much as all the rest: what longer rows are weighed with. */
const ATTENTION_TOKENS = 2048;

/**
 * Lays texts out in rows, several in one where that is less to compute, padding and attention included: first fit
 * by decreasing length, for the row length that costs least. The same lengths give the same rows.
 *
 * @param lengths of the texts, in tokens
 * @param limit the longest row that several texts share; a longer text has a row of its own
 * @returns the texts of each row
 */
export function packRows(lengths: readonly number[], limit: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const longest = lengths[order[0]!] ?? 0;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let best: number[][] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for (let capacity = longest; capacity <= Math.max(longest, Math.min(limit, total)); capacity++) {
    const { rows, width } = firstFit(order, lengths, capacity);
    const cost = rows.length * width * (1 + width / ATTENTION_TOKENS);
    if (cost < lowest) [best, lowest] = [rows, cost];
  }
  return best;
}

function firstFit(order: readonly number[], lengths: readonly number[], capacity: number) {
  const rows: number[][] = [];
  const used: number[] = [];
  for (const text of order) {
    const length = lengths[text]!;
    let row = used.findIndex((tokens) => tokens + length <= capacity);
    if (row < 0) row = rows.push([]) - 1;
    rows[row]!.push(text);
    used[row] = (used[row] ?? 0) + length;
  }
  return { rows, width: Math.max(0, ...used) };
}
