import type { NliRow, RelevanceRow } from '../../data/index.js';
import { randomKey, shuffled } from '../../support/random.js';
import { nliReviewRow, type ReviewRow, relevanceReviewRow } from './rows.js';

/**
 * Draws a share of the rows for a person to check, stratified: of every table and label about the same share,
 * at least one row of each that there is. Which rows are drawn depends on the seed and on what they say, so
 * rows that are added elsewhere change little. Comes back in a seeded order, which tells nothing of labels.
 *
 * @param share in [0, 1]; 0 draws none
 */
export function selectForReview(rows: readonly ReviewRow[], share: number, seed: number): ReviewRow[] {
  const strata = new Map<string, ReviewRow[]>();
  const seen = new Set<string>();
  for (const row of rows) {
    // the same question twice is one to a person
    if (seen.has(row.rowId)) continue;
    seen.add(row.rowId);
    const stratum = `${row.table} ${row.label}`;
    strata.set(stratum, [...(strata.get(stratum) ?? []), row]);
  }
  const drawn = [...strata.values()].flatMap((stratum) => {
    const wanted = share === 0 ? 0 : Math.max(1, Math.round(share * stratum.length));
    return inSeededOrder(stratum, seed).slice(0, wanted);
  });
  return reviewOrder(drawn, seed);
}

/**
 * What a built data set sets aside for a person: a share of its rows, and those that two teachers disagreed
 * on and that wait for the decision.
 */
export function toReview(
  data: { relevance: readonly RelevanceRow[]; nli: readonly NliRow[] },
  second: { policy: string; disagreements: readonly ReviewRow[] } | undefined,
  { share, seed }: { share: number; seed: number },
): ReviewRow[] {
  const rows = [
    ...data.relevance.map((row) => relevanceReviewRow(row)),
    ...data.nli.map((row) => nliReviewRow(row)),
  ];
  const drawn = selectForReview(rows, share, seed);
  const known = new Set(drawn.map(({ rowId }) => rowId));
  const disputed = second?.policy === 'review' ? second.disagreements : [];
  const waiting = new Map(disputed.map((row) => [row.rowId, row]));
  return reviewOrder([...drawn, ...[...waiting.values()].filter(({ rowId }) => !known.has(rowId))], seed);
}

/** The order that a person sees rows in: those of a table together, otherwise mixed. */
export function reviewOrder(rows: readonly ReviewRow[], seed: number): ReviewRow[] {
  const tables = [...new Set(rows.map(({ table }) => table))].sort().reverse();
  return tables.flatMap((table) =>
    shuffled(
      inSeededOrder(
        rows.filter((row) => row.table === table),
        seed,
      ),
      randomKey(seed, 'review', table),
    ),
  );
}

function inSeededOrder(rows: readonly ReviewRow[], seed: number): ReviewRow[] {
  return rows
    .map((row) => ({ row, key: randomKey(seed, 'review', row.rowId) }))
    .sort((a, b) => a.key - b.key || (a.row.rowId < b.row.rowId ? -1 : 1))
    .map(({ row }) => row);
}
