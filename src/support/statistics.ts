import { integerAt, randomKey } from './random.js';

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Percentile bootstrap of a mean: its 95 % interval over resamples of the values (Efron 1979). Give it
 * differences of pairs for a paired comparison.
 */
export function bootstrapInterval(
  values: readonly number[],
  resamples: number,
  seed: number,
): [number, number] {
  const key = randomKey(seed, 'bootstrap');
  const n = values.length;
  const means = Array.from({ length: resamples }, (_, r) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[integerAt(key, r * n + i, n)]!;
    return sum / n;
  }).sort((a, b) => a - b);
  const at = (q: number) => means[Math.min(resamples - 1, Math.max(0, Math.round(q * (resamples - 1))))]!;
  return [at(0.025), at(0.975)];
}

/**
 * Wilson's 95 % interval of a share (Wilson 1927): in [0, 1], of use for few trials and for shares of 0 and 1.
 * Without trials it is all of [0, 1].
 */
export function wilsonInterval(successes: number, trials: number): [number, number] {
  if (trials === 0) return [0, 1];
  const z = 1.959963984540054;
  const p = successes / trials;
  const spread = z * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials));
  const middle = p + (z * z) / (2 * trials);
  const scale = 1 + (z * z) / trials;
  // at the ends the formula is exact; its rounding is not
  return [
    successes === 0 ? 0 : (middle - spread) / scale,
    successes === trials ? 1 : (middle + spread) / scale,
  ];
}
