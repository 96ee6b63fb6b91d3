import { describe, it } from 'vitest';
import type { DropoutAttributes } from '../../src/ops/dropout.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { integerAt, randomKey } from '../../src/support/random.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, int32, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { keeping } from '../helpers/dropout.js';
import { softmax } from '../helpers/float64.js';

interface Sizes {
  H: number;
  B: number;
  T: number;
  d: number;
  R: number;
}

type Term = 'c2p' | 'p2c';
type Name = 'q' | 'k' | 'v' | 'segments' | 'relativeKeys' | 'relativeQueries' | Term;
type Make = (name: string, shape: number[]) => OpInput;

function dot(a: Float64Array, i: number, b: Float64Array, j: number, d: number): number {
  let sum = 0;
  for (let c = 0; c < d; c++) sum += a[i * d + c]! * b[j * d + c]!;
  return sum;
}

/** The definition, pair by pair: scale · (q_i·k_j + q_i·K_δ(i,j) + k_j·Q_δ(j,i)), over keys that are no padding. */
function reference(
  { H, B, T, d }: Sizes,
  values: Partial<Record<Name, Float64Array>>,
  scale: number,
  keep: (n: number) => number,
): Float64Array {
  const { relativeKeys, relativeQueries, c2p, p2c } = values;
  const [q, k, v, segments] = [values.q!, values.k!, values.v!, values.segments!];
  const output = new Float64Array(B * T * H * d);
  for (let b = 0; b < B; b++) {
    const real = Array.from({ length: T }, (_, j) => j).filter((j) => segments[b * T + j] === 0);
    for (let h = 0; h < H; h++) {
      const at = (i: number) => (b * T + i) * H + h;
      for (const i of real) {
        const scores = real.map((j) => {
          let score = dot(q, at(i), k, at(j), d);
          const distance = i - j + T - 1;
          if (relativeKeys && c2p) score += dot(q, at(i), relativeKeys, c2p[distance]! * H + h, d);
          if (relativeQueries && p2c) score += dot(k, at(j), relativeQueries, p2c[distance]! * H + h, d);
          return scale * score;
        });
        softmax(scores).forEach((p, n) => {
          const j = real[n]!;
          const kept = p * keep(((b * H + h) * T + i) * T + j);
          for (let c = 0; c < d; c++) output[at(i) * d + c]! += kept * v[at(j) * d + c]!;
        });
      }
    }
  }
  return output;
}

/** A row of the relative embeddings for every distance: arbitrary ones, so that a mistaken index shows. */
function indices(name: string, T: number, R: number): OpInput {
  const key = randomKey('indices', name);
  return int32(
    [2 * T - 1],
    Array.from({ length: 2 * T - 1 }, (_, n) => integerAt(key, n, R)),
  );
}

function checkDisentangled(
  sizes: Sizes,
  terms: readonly Term[],
  options: {
    segments?: number[];
    make?: Make;
    scale?: number;
    dropout?: DropoutAttributes;
    tolerance?: number;
    gradientTolerance?: number;
  } = {},
): void {
  const { H, B, T, d, R } = sizes;
  const { make = normal, scale = 1 / Math.sqrt(d * (1 + terms.length)), tolerance = 2e-6 } = options;
  const { dropout, segments = new Array(B * T).fill(0) } = options;
  const inputs: Partial<Record<Name, OpInput>> = { segments: int32([B, T], segments) };
  for (const name of ['q', 'k', 'v'] as const) inputs[name] = make(name, [B, T, H, d]);
  const gradients: Name[] = ['q', 'k', 'v'];
  if (terms.includes('c2p')) {
    inputs.relativeKeys = make('relativeKeys', [R, H, d]);
    inputs.c2p = indices('c2p', T, R);
    gradients.push('relativeKeys');
  }
  if (terms.includes('p2c')) {
    inputs.relativeQueries = make('relativeQueries', [R, H, d]);
    inputs.p2c = indices('p2c', T, R);
    gradients.push('relativeQueries');
  }
  checkOp<Name>({
    inputs: inputs as Record<Name, OpInput>,
    run: (tensors) => run(ops.disentangledAttention, tensors, { scale, dropout }),
    reference: (values) => reference(sizes, values, scale, keeping(dropout)),
    shape: [B, T, H, d],
    gradients,
    tolerance,
    gradientTolerance: options.gradientTolerance ?? 3 * tolerance,
  });
}

const TERMS: { terms: readonly Term[] }[] = [
  { terms: [] },
  { terms: ['c2p'] },
  { terms: ['p2c'] },
  { terms: ['c2p', 'p2c'] },
];

describeOps('disentangledAttention', () => {
  describe.each(TERMS)('terms: $terms', ({ terms }) => {
    it.each([
      { H: 2, B: 2, T: 4, d: 3, R: 7 },
      { H: 1, B: 1, T: 1, d: 1, R: 1 },
      { H: 3, B: 1, T: 5, d: 2, R: 4 },
      { H: 1, B: 3, T: 2, d: 4, R: 1 },
      { H: 2, B: 2, T: 3, d: 2, R: 12 },
    ])('$H heads, $B × $T tokens of $d, $R relative rows', (sizes) => checkDisentangled(sizes, terms));

    it('dropped probabilities, the same ones in the backward pass', () => {
      checkDisentangled({ H: 2, B: 2, T: 5, d: 3, R: 7 }, terms, { dropout: { rate: 0.3, key: 5 } });
    });

    it('padding, and rows of nothing else', () => {
      const segments = [0, 0, 0, 0, 0, 0, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1];
      checkDisentangled({ H: 2, B: 4, T: 4, d: 3, R: 7 }, terms, { segments });
    });

    it('±100, where one key takes all', () => {
      const make: Make = (name, shape) =>
        name === 'v' ? normal(name, shape) : pick(name, shape, [100, -100, 0, 50]);
      const sizes = { H: 2, B: 1, T: 4, d: 2, R: 5 };
      // of scores of 10⁴, log Σ exp has three decimals
      checkDisentangled(sizes, terms, { make, scale: 0.25, tolerance: 1e-5, gradientTolerance: 5e-4 });
    });
  });
});
