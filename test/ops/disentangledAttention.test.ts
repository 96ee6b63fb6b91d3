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
type Name =
  | 'q'
  | 'k'
  | 'v'
  | 'mask'
  | 'relativeKeys'
  | 'relativeQueries'
  | 'contentToPosition'
  | 'positionToContent';
type Make = (name: string, shape: number[]) => OpInput;

const HIDDEN = -1e9;

function dot(a: Float64Array, i: number, b: Float64Array, j: number, d: number): number {
  let sum = 0;
  for (let c = 0; c < d; c++) sum += a[i * d + c]! * b[j * d + c]!;
  return sum;
}

/** The definition, pair by pair: scale · (q_i·k_j + q_i·K_δ(i,j) + k_j·Q_δ(j,i)) + mask. */
function reference(
  { H, B, T, d, R }: Sizes,
  values: Partial<Record<Name, Float64Array>>,
  maskRows: number,
  scale: number,
  keep: (n: number) => number = () => 1,
): Float64Array {
  const { relativeKeys, relativeQueries, contentToPosition, positionToContent } = values;
  const [q, k, v, mask] = [values.q!, values.k!, values.v!, values.mask!];
  const output = new Float64Array(H * B * T * d);
  for (let h = 0; h < H; h++) {
    for (let b = 0; b < B; b++) {
      const first = (h * B + b) * T;
      for (let i = 0; i < T; i++) {
        const scores = Array.from({ length: T }, (_, j) => {
          let score = dot(q, first + i, k, first + j, d);
          if (relativeKeys && contentToPosition) {
            const row = contentToPosition[i * T + j]! - i * R;
            score += dot(q, first + i, relativeKeys, h * R + row, d);
          }
          if (relativeQueries && positionToContent) {
            const row = positionToContent[j * T + i]! - j * R;
            score += dot(k, first + j, relativeQueries, h * R + row, d);
          }
          return scale * score + mask[(b * maskRows + (maskRows === 1 ? 0 : i)) * T + j]!;
        });
        softmax(scores).forEach((p, j) => {
          const kept = p * keep((first + i) * T + j);
          for (let c = 0; c < d; c++) output[(first + i) * d + c]! += kept * v[(first + j) * d + c]!;
        });
      }
    }
  }
  return output;
}

/** Rows of the relative embeddings for all pairs: arbitrary ones, so that a mistaken index shows. */
function indices(name: string, T: number, R: number): OpInput {
  const key = randomKey('indices', name);
  return int32(
    [T * T],
    Array.from({ length: T * T }, (_, n) => Math.floor(n / T) * R + integerAt(key, n, R)),
  );
}

function checkDisentangled(
  sizes: Sizes,
  terms: readonly Term[],
  options: {
    mask?: OpInput;
    make?: Make;
    scale?: number;
    dropout?: DropoutAttributes;
    tolerance?: number;
  } = {},
): void {
  const { H, B, T, d, R } = sizes;
  const { make = normal, scale = 1 / Math.sqrt(d * (1 + terms.length)), tolerance = 2e-6 } = options;
  const { dropout, mask = { shape: [1, B, 1, T], values: new Array(B * T).fill(0) } } = options;
  const inputs: Partial<Record<Name, OpInput>> = { mask };
  for (const name of ['q', 'k', 'v'] as const) inputs[name] = make(name, [H, B, T, d]);
  const gradients: Name[] = ['q', 'k', 'v'];
  if (terms.includes('c2p')) {
    inputs.relativeKeys = make('relativeKeys', [H, R, d]);
    inputs.contentToPosition = indices('c2p', T, R);
    gradients.push('relativeKeys');
  }
  if (terms.includes('p2c')) {
    inputs.relativeQueries = make('relativeQueries', [H, R, d]);
    inputs.positionToContent = indices('p2c', T, R);
    gradients.push('relativeQueries');
  }
  checkOp<Name>({
    inputs: inputs as Record<Name, OpInput>,
    run: (tensors) => run(ops.disentangledAttention, tensors, { scale, dropout }),
    reference: (values) => reference(sizes, values, mask.shape[2]!, scale, keeping(dropout)),
    shape: [H, B, T, d],
    gradients,
    tolerance,
    gradientTolerance: 3 * tolerance,
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

    it('padding', () => {
      const values = [0, 0, 0, 0, 0, 0, HIDDEN, HIDDEN, 0, HIDDEN, HIDDEN, HIDDEN];
      const sizes = { H: 2, B: 3, T: 4, d: 3, R: 7 };
      checkDisentangled(sizes, terms, { mask: { shape: [1, 3, 1, 4], values } });
    });

    it('a mask for each query', () => {
      const values = [
        0,
        HIDDEN,
        HIDDEN,
        0,
        0,
        HIDDEN,
        0,
        0,
        0,
        HIDDEN,
        HIDDEN,
        0,
        HIDDEN,
        0,
        0,
        0,
        0,
        HIDDEN,
      ];
      checkDisentangled({ H: 2, B: 2, T: 3, d: 2, R: 5 }, terms, { mask: { shape: [1, 2, 3, 3], values } });
    });

    it('±100, where one key takes all', () => {
      const make: Make = (name, shape) =>
        name === 'v' ? normal(name, shape) : pick(name, shape, [100, -100, 0, 50]);
      const sizes = { H: 2, B: 1, T: 4, d: 2, R: 5 };
      checkDisentangled(sizes, terms, { make, scale: 0.25, tolerance: 1e-5 });
    });
  });
});
