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
