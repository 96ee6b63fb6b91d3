import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import type { DropoutAttributes } from '../../src/ops/dropout.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';
import { keeping } from '../helpers/dropout.js';
import { softmax } from '../helpers/float64.js';

const HIDDEN = -1e9;

interface Sizes {
  B: number;
  H: number;
  G: number;
  T: number;
  S: number;
  d: number;
}

/** Σ_j softmax_j(cap(scale · q·k_j) + mask_j) v_j, head by head. A row whose keys are all hidden sees them alike. */
function reference(
  { B, H, G, T, S, d }: Sizes,
  { q, k, v, mask }: { q: Float64Array; k: Float64Array; v: Float64Array; mask?: Float64Array },
  maskShape: number[] | undefined,
  scale: number,
  cap: number | undefined,
  keep: (n: number) => number = () => 1,
): Float64Array {
  const output = new Float64Array(B * H * T * d);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const group = b * G + Math.floor((h * G) / H);
      for (let i = 0; i < T; i++) {
        const row = ((b * H + h) * T + i) * d;
        const masks = Array.from({ length: S }, (_, j) => {
          if (!mask || !maskShape) return 0;
          const [maskB, , maskT] = maskShape as [number, number, number];
          return mask[((maskB === 1 ? 0 : b) * maskT + (maskT === 1 ? 0 : i)) * S + j]!;
        });
        const hidden = masks.every((value) => value <= HIDDEN);
        const scores = masks.map((value, j) => {
          if (hidden) return 0;
          let product = 0;
          for (let c = 0; c < d; c++) product += q[row + c]! * k[(group * S + j) * d + c]!;
          const score = scale * product;
          return (cap === undefined ? score : cap * Math.tanh(score / cap)) + value;
        });
        softmax(scores).forEach((p, j) => {
          const kept = p * keep((row / d) * S + j);
          for (let c = 0; c < d; c++) output[row + c]! += kept * v[(group * S + j) * d + c]!;
        });
      }
    }
  }
  return output;
}

function checkAttention(
  sizes: Sizes,
  {
    mask,
    make = normal,
    dy,
    scale = 1 / Math.sqrt(sizes.d),
    cap,
    dropout,
    tolerance = 2e-6,
  }: {
    mask?: OpInput;
    make?: (name: string, shape: number[]) => OpInput;
    dy?: number[];
    scale?: number;
    cap?: number;
    dropout?: DropoutAttributes;
    tolerance?: number;
  } = {},
): void {
  const { B, H, G, T, S, d } = sizes;
  const keys = [B, G, S, d];
  const inputs = { q: make('q', [B, H, T, d]), k: make('k', keys), v: make('v', keys) };
  checkOp<'q' | 'k' | 'v' | 'mask'>({
    inputs: (mask ? { ...inputs, mask } : inputs) as typeof inputs & { mask: OpInput },
    run: (tensors) => run(ops.attention, tensors, { scale, cap, dropout }),
    reference: (values) => reference(sizes, values, mask?.shape, scale, cap, keeping(dropout)),
    shape: [B, H, T, d],
    gradients: ['q', 'k', 'v'],
    dy,
    tolerance,
    gradientTolerance: 3 * tolerance,
  });
}

/** [B | 1, 1, T | 1, S] from where each query may look. */
function maskOf(shape: number[], sees: (b: number, i: number, j: number) => boolean): OpInput {
  const [B, , T, S] = shape as [number, number, number, number];
  const values = Array.from({ length: B * T * S }, (_, n) => {
    const [b, i, j] = [Math.floor(n / (T * S)), Math.floor(n / S) % T, n % S];
    return sees(b, i, j) ? 0 : HIDDEN;
  });
  return { shape, values };
}

describeOps('attention', () => {
  it.each([
    { B: 2, H: 3, G: 3, T: 4, S: 4, d: 5 },
    { B: 1, H: 1, G: 1, T: 1, S: 1, d: 1 },
    { B: 2, H: 4, G: 2, T: 3, S: 3, d: 2 },
    { B: 2, H: 6, G: 2, T: 2, S: 5, d: 3 },
    { B: 1, H: 4, G: 1, T: 7, S: 7, d: 8 },
    { B: 3, H: 2, G: 1, T: 1, S: 9, d: 4 },
  ])('$B × $H heads on $G, $T queries on $S keys of $d', (sizes) => checkAttention(sizes));

  it('a causal mask, alike for all', () => {
    const sizes = { B: 2, H: 4, G: 2, T: 5, S: 5, d: 3 };
    checkAttention(sizes, { mask: maskOf([1, 1, 5, 5], (_b, i, j) => j <= i) });
  });

  it('a causal mask over cached keys and padding on the left, for each', () => {
    const sizes = { B: 2, H: 2, G: 1, T: 2, S: 6, d: 4 };
    checkAttention(sizes, { mask: maskOf([2, 1, 2, 6], (b, i, j) => j <= 4 + i && j >= b * 3) });
  });

  it('padding, alike for all queries', () => {
    const sizes = { B: 3, H: 2, G: 2, T: 4, S: 4, d: 3 };
    checkAttention(sizes, { mask: maskOf([3, 1, 1, 4], (b, _i, j) => j < 4 - b) });
  });

  it('rows that see nothing take the mean of the values, and leave the other rows alone', () => {
    const sizes = { B: 2, H: 2, G: 1, T: 3, S: 4, d: 2 };
    const blind = (b: number, i: number) => b === 1 && i < 2;
    // what such a row is is of no use: its gradient is zero
    const dy = normal('dy', [2, 2, 3, 2]).values.map((value, n) =>
      blind(Math.floor(n / 12), Math.floor(n / 2) % 3) ? 0 : value,
    );
    checkAttention(sizes, { dy, mask: maskOf([2, 1, 3, 4], (b, i) => !blind(b, i)) });
  });

  it('rows that see nothing give finite gradients', () => {
    const tensor = (name: string) => tf.tensor(normal(name, [1, 1, 2, 3]).values, [1, 1, 2, 3]);
    const [q, k, v] = [tensor('q'), tensor('k'), tensor('v')];
    const mask = tf.fill([1, 1, 2, 2], HIDDEN);
    const { gradients } = valueAndGradients(
      () => run(ops.attention, { q, k, v, mask }, { scale: 1 }),
      [q, k, v],
    );
    for (const gradient of gradients) {
      for (const value of gradient.dataSync()) expect(Number.isFinite(value)).toBe(true);
    }
    // both queries read each value with one half
    expectClose(gradients[2]!, [1, 1, 1, 1, 1, 1], 1e-6);
  });

  it('queries and keys of ±100, where one key takes all', () => {
    const make = (name: string, shape: number[]) =>
      name === 'v' ? normal(name, shape) : pick(name, shape, [100, -100, 0, 50]);
    checkAttention({ B: 1, H: 2, G: 1, T: 4, S: 5, d: 4 }, { make, scale: 0.5, tolerance: 1e-5 });
  });

  it('values of ±100', () => {
    const make = (name: string, shape: number[]) =>
      name === 'v' ? pick(name, shape, [100, -100, 0]) : normal(name, shape);
    checkAttention({ B: 1, H: 2, G: 1, T: 4, S: 5, d: 4 }, { make, tolerance: 1e-5 });
  });

  it.each([0.1, 1, 50])('scores softly capped at %d, a causal mask and grouped heads', (cap) => {
    const sizes = { B: 2, H: 4, G: 2, T: 5, S: 5, d: 3 };
    checkAttention(sizes, { cap, mask: maskOf([1, 1, 5, 5], (_b, i, j) => j <= i) });
  });

  it('scores of ±10⁴ at a cap of 50 are all at it, and pass no gradient on', () => {
    const make = (name: string, shape: number[]) =>
      name === 'v' ? normal(name, shape) : pick(name, shape, [100, -100, 50]);
    const mask = maskOf([1, 1, 4, 5], (_b, i, j) => j <= i + 1);
    checkAttention(
      { B: 1, H: 2, G: 1, T: 4, S: 5, d: 3 },
      { make, mask, scale: 0.5, cap: 50, tolerance: 1e-5 },
    );
  });

  it('drops out probabilities, the same ones in the backward pass', () => {
    const sizes = { B: 2, H: 4, G: 2, T: 5, S: 7, d: 3 };
    checkAttention(sizes, {
      dropout: { rate: 0.4, key: 7 },
      mask: maskOf([1, 1, 5, 7], (_b, i, j) => j <= i + 2),
    });
  });

  it('rows that see nothing give finite gradients under a cap', () => {
    const tensor = (name: string) => tf.tensor(normal(name, [1, 1, 2, 3]).values, [1, 1, 2, 3]);
    const inputs = { q: tensor('q'), k: tensor('k'), v: tensor('v') };
    const mask = tf.fill([1, 1, 2, 2], HIDDEN);
    const { gradients } = valueAndGradients(
      () => run(ops.attention, { ...inputs, mask }, { scale: 1, cap: 2 }),
      Object.values(inputs),
    );
    for (const gradient of gradients) {
      for (const value of gradient.dataSync()) expect(Number.isFinite(value)).toBe(true);
    }
  });
});
