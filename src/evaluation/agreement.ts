import { integerAt, randomKey } from '../support/random.js';

/** How far two labellers agree on the same rows. */
export interface Agreement {
  rows: number;
  /** Share of the rows with equal labels; null where there are no rows. */
  observed: number | null;
  /** Share that two labellers with these frequencies of labels would reach by chance; null without rows. */
  expected: number | null;
  /**
   * Cohen's κ = (observed − expected) / (1 − expected), in [−1, 1] (Cohen 1960). Null where it is 0/0: there
   * are no rows, or both gave one and the same label to every row. `observed` then stands alone.
   */
  kappa: number | null;
  /** 95 % of κ over resampled rows; null where κ is, or where most resamples leave it undefined. */
  interval: [low: number, high: number] | null;
  /** Share of the resamples in which κ is undefined; the interval is over the others. */
  undefinedResamples: number;
  /** Rows by the first one's label, then the second one's. */
  confusion: number[][];
}

export interface AgreementOptions {
  resamples?: number;
  seed?: number;
}

const RESAMPLES = 1000;

/**
 * Compares two labellers of the same rows.
 *
 * @param first label ids, 0 … classes − 1, one for each row; `second` likewise
 * @throws Error where the lists differ in length or hold another id: a defect of the caller
 */
export function agreement(
  first: readonly number[],
  second: readonly number[],
  classes: number,
  { resamples = RESAMPLES, seed = 0 }: AgreementOptions = {},
): Agreement {
  if (first.length !== second.length) {
    throw new Error(`labels of ${first.length} and of ${second.length} rows`);
  }
  const n = first.length;
  const cells = first.map((a, i) => {
    const b = second[i]!;
    for (const label of [a, b]) {
      if (!Number.isInteger(label) || label < 0 || label >= classes) throw new Error(`no label: ${label}`);
    }
    return a * classes + b;
  });
  const counts = new Float64Array(classes * classes);
  for (const cell of cells) counts[cell]!++;
  const all = kappaOf(counts, classes);
  const confusion = Array.from({ length: classes }, (_, a) => [
    ...counts.subarray(a * classes, (a + 1) * classes),
  ]);
  const resampled = all.kappa === null ? [] : resampledKappas(cells, classes, resamples, seed);
  const defined = resampled.filter((kappa) => kappa !== null).sort((a, b) => a - b);
  const at = (q: number) => defined[Math.round(q * (defined.length - 1))]!;
  return {
    rows: n,
    ...all,
    interval: defined.length * 2 > resampled.length ? [at(0.025), at(0.975)] : null,
    undefinedResamples: resampled.length === 0 ? 0 : 1 - defined.length / resampled.length,
    confusion,
  };
}

/** κ of each resample of the rows (percentile bootstrap, Efron 1979). */
function resampledKappas(
  cells: readonly number[],
  classes: number,
  resamples: number,
  seed: number,
): (number | null)[] {
  const key = randomKey(seed, 'agreement');
  const n = cells.length;
  const counts = new Float64Array(classes * classes);
  return Array.from({ length: resamples }, (_, r) => {
    counts.fill(0);
    for (let i = 0; i < n; i++) counts[cells[integerAt(key, r * n + i, n)]!]!++;
    return kappaOf(counts, classes).kappa;
  });
}

/** @param counts [classes · classes], rows of the first labeller */
function kappaOf(
  counts: Float64Array,
  classes: number,
): { observed: number | null; expected: number | null; kappa: number | null } {
  let n = 0;
  let equal = 0;
  // sums of counts, exact: a κ of 0/0 must not come out as one of rounding
  const margins = { first: new Float64Array(classes), second: new Float64Array(classes) };
  for (let a = 0; a < classes; a++) {
    for (let b = 0; b < classes; b++) {
      const count = counts[a * classes + b]!;
      n += count;
      margins.first[a]! += count;
      margins.second[b]! += count;
      if (a === b) equal += count;
    }
  }
  if (n === 0) return { observed: null, expected: null, kappa: null };
  let chance = 0;
  for (let c = 0; c < classes; c++) chance += margins.first[c]! * margins.second[c]!;
  const observed = equal / n;
  const expected = chance / (n * n);
  const kappa = chance === n * n ? null : (n * equal - chance) / (n * n - chance);
  return { observed, expected, kappa };
}

/** κ in words for reports, also where it has none. */
export function kappaText({ rows, kappa, interval, undefinedResamples }: Agreement): string {
  if (rows === 0) return 'undefined (no rows)';
  if (kappa === null) return 'undefined (both gave every row the same label)';
  if (interval === null) return `${kappa.toFixed(3)} (no interval: too few rows)`;
  const share = `${(100 * undefinedResamples).toFixed(0)} %`;
  const note = undefinedResamples === 0 ? '' : `; undefined in ${share} of the resamples`;
  return `${kappa.toFixed(3)} (95 % interval ${interval[0].toFixed(3)} … ${interval[1].toFixed(3)}${note})`;
}

/** The confusion table as rows of text, a header first. */
export function confusionRows(
  { confusion }: Pick<Agreement, 'confusion'>,
  labels: readonly string[],
  [first, second]: readonly [string, string],
): string[][] {
  return [
    [`${first} ↓ ${second} →`, ...labels],
    ...confusion.map((row, a) => [labels[a]!, ...row.map(String)]),
  ];
}
