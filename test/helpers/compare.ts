import * as tf from '../../src/backends/tf.js';

/** The largest |actual − expected| / (1 + |expected|); throws on another length, NaN where none is expected. */
export function largestDeviation(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, expected ${expected.length}`);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const deviation = Math.abs(actual[i]! - expected[i]!) / (1 + Math.abs(expected[i]!));
    if (!(deviation >= 0)) throw new Error(`value ${i} is ${actual[i]}, expected ${expected[i]}`);
    if (deviation > largest) largest = deviation;
  }
  return largest;
}

/** Throws where two lists of numbers differ by more than `tolerance` · (1 + |expected|) anywhere. */
export function expectClose(
  actual: ArrayLike<number> | tf.Tensor,
  expected: ArrayLike<number> | tf.Tensor,
  tolerance: number,
  what = 'values',
): void {
  const a = actual instanceof tf.Tensor ? actual.dataSync() : actual;
  const b = expected instanceof tf.Tensor ? expected.dataSync() : expected;
  let deviation: number;
  try {
    deviation = largestDeviation(a, b);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`);
  }
  if (!(deviation <= tolerance)) throw new Error(`${what}: deviate by ${deviation}, tolerated ${tolerance}`);
}
