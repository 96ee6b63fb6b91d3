/** Plain float64 arithmetic that references of ops are written in. Matrices are row-major. */

/** a [N, K] · b [M, K]ᵀ: [N, M] */
export function timesTransposed(a: ArrayLike<number>, b: ArrayLike<number>, K: number): Float64Array {
  const [N, M] = [a.length / K, b.length / K];
  const result = new Float64Array(N * M);
  for (let n = 0; n < N; n++) {
    for (let m = 0; m < M; m++) {
      for (let k = 0; k < K; k++) result[n * M + m]! += a[n * K + k]! * b[m * K + k]!;
    }
  }
  return result;
}

export function softmax(scores: ArrayLike<number>): Float64Array {
  const largest = Math.max(...Array.from(scores));
  const exponentials = Float64Array.from(scores, (score) => Math.exp(score - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

/** log softmax(scores)[index] */
export function logSoftmaxAt(scores: ArrayLike<number>, index: number): number {
  const list = Array.from(scores);
  const largest = Math.max(...list);
  const sum = list.reduce((a, score) => a + Math.exp(score - largest), 0);
  return scores[index]! - largest - Math.log(sum);
}

/** The rows of a matrix. */
export function rows(values: Float64Array, width: number): Float64Array[] {
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

/** erf(x) to float64 precision: its Taylor series near 0, the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (a + fraction) / Math.sqrt(Math.PI));
}
