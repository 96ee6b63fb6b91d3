import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import type { DropoutAttributes } from '../../src/ops/dropout.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { checkOp, int32, normal, type OpInput, pick } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';
import { keeping } from '../helpers/dropout.js';
import { softmax } from '../helpers/float64.js';

interface Sizes {
  B: number;
  H: number;
  G: number;
  T: number;
  S: number;
  d: number;
}

interface Attributes {
  scale: number;
  cap?: number;
  causal?: boolean;
  window?: number;
  dropout?: DropoutAttributes;
}

type Name = 'q' | 'k' | 'v' | 'segments' | 'positions';

/** Σ_j softmax_j(cap(scale · q·k_j)) v_j over the keys that a query sees, head by head. */
function reference(
  { B, H, G, T, S, d }: Sizes,
  { q, k, v, segments, positions }: Record<Name, Float64Array>,
  { scale, cap, causal, window, dropout }: Attributes,
): Float64Array {
  const keep = keeping(dropout);
  const output = new Float64Array(B * T * H * d);
  const sees = (b: number, t: number, s: number): boolean => {
    const [own, other] = [segments[b * S + S - T + t]!, segments[b * S + s]!];
    if (own < 0 || other < 0 || Math.floor(own / 3) !== Math.floor(other / 3)) return false;
    if (other % 3 !== 0 && other !== own) return false;
    if (causal && s > S - T + t) return false;
    return window === undefined || positions[b * S + S - T + t]! - positions[b * S + s]! < window;
  };
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const group = Math.floor((h * G) / H);
      for (let t = 0; t < T; t++) {
        const row = ((b * T + t) * H + h) * d;
        const keys = Array.from({ length: S }, (_, s) => s).filter((s) => sees(b, t, s));
        const at = (s: number) => ((b * S + s) * G + group) * d;
        const scores = keys.map((s) => {
          let product = 0;
          for (let c = 0; c < d; c++) product += q[row + c]! * k[at(s) + c]!;
          return cap === undefined ? scale * product : cap * Math.tanh((scale * product) / cap);
        });
        softmax(scores).forEach((p, i) => {
          const s = keys[i]!;
          const kept = p * keep(((b * H + h) * T + t) * S + s);
          for (let c = 0; c < d; c++) output[row + c]! += kept * v[at(s) + c]!;
        });
      }
    }
  }
  return output;
}

/** Every row one text, without padding. */
function oneText({ B, S }: Sizes): OpInput {
  return int32([B, S], new Array(B * S).fill(0));
}

function inOrder({ B, S }: Sizes): OpInput {
  return int32(
    [B, S],
    Array.from({ length: B * S }, (_, i) => i % S),
  );
}

function checkAttention(
  sizes: Sizes,
  {
    segments = oneText(sizes),
    positions = inOrder(sizes),
    make = normal,
    tolerance = 2e-6,
    gradientTolerance = 3 * tolerance,
    scale = 1 / Math.sqrt(sizes.d),
    ...rest
  }: Partial<Attributes> & {
    segments?: OpInput;
    positions?: OpInput;
    make?: (name: string, shape: number[]) => OpInput;
    tolerance?: number;
    gradientTolerance?: number;
  } = {},
): void {
  const { B, H, G, T, S, d } = sizes;
  const attributes = { scale, ...rest };
  const keys = [B, S, G, d];
  checkOp<Name>({
    inputs: { q: make('q', [B, T, H, d]), k: make('k', keys), v: make('v', keys), segments, positions },
    run: (tensors) => run(ops.attention, tensors, attributes),
    reference: (values) => reference(sizes, values, attributes),
    shape: [B, T, H, d],
    gradients: ['q', 'k', 'v'],
    tolerance,
    gradientTolerance,
  });
}

describeOps('attention', () => {
  it.each([
    { B: 2, H: 3, G: 3, T: 4, S: 4, d: 5 },
    { B: 1, H: 1, G: 1, T: 1, S: 1, d: 1 },
    { B: 2, H: 4, G: 2, T: 3, S: 3, d: 2 },
    { B: 2, H: 6, G: 2, T: 2, S: 5, d: 3 },
    { B: 1, H: 4, G: 1, T: 7, S: 7, d: 8 },
    { B: 3, H: 2, G: 1, T: 1, S: 9, d: 4 },
  ])('$B × $H heads on $G, $T queries on $S keys of $d', (sizes) => {
    checkAttention(sizes);
    checkAttention(sizes, { causal: true });
  });

  it('cached keys and padding on the left', () => {
    const sizes = { B: 2, H: 2, G: 1, T: 2, S: 6, d: 4 };
    checkAttention(sizes, { causal: true, segments: int32([2, 6], [0, 0, 0, 0, 0, 0, -1, -1, -1, 0, 0, 0]) });
  });

  it('padding on the right, and its queries, which see nothing', () => {
    const sizes = { B: 3, H: 2, G: 2, T: 4, S: 4, d: 3 };
    const segments = int32([3, 4], [0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1]);
    checkAttention(sizes, { segments });
    checkAttention(sizes, { segments, causal: true, cap: 2, dropout: { rate: 0.3, key: 9 } });
  });

  it('queries that see nothing give 0 and pass no gradient', () => {
    const tensor = (name: string) => tf.tensor(normal(name, [1, 3, 1, 2]).values, [1, 3, 1, 2]);
    const [q, k, v] = [tensor('q'), tensor('k'), tensor('v')];
    const segments = tf.fill([1, 3], -1, 'int32');
    const { value, gradients } = valueAndGradients(
      () => run(ops.attention, { q, k, v, segments }, { scale: 1 }),
      [q, k, v],
    );
    for (const zeros of [value, ...gradients])
      expect(Array.from(zeros.dataSync(), Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it.each([1, 2, 3, 50])('a window of %d, by positions', (window) => {
    const sizes = { B: 2, H: 4, G: 2, T: 5, S: 8, d: 3 };
    // the second row begins with padding; its positions leap, as where a branch follows another one
    const segments = int32([2, 8], [0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 1, 1, 2, 2, 2]);
    const positions = int32([2, 8], [0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 1, 2, 3, 2, 3, 4]);
    checkAttention(sizes, { segments, positions, window, causal: true });
    checkAttention(sizes, { segments, positions, window });
  });

  it('two branches behind a shared prompt, twice in a row', () => {
    const sizes = { B: 1, H: 2, G: 1, T: 12, S: 12, d: 3 };
    const segments = int32([1, 12], [0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 6, -1]);
    checkAttention(sizes, { segments, causal: true });
    checkAttention(sizes, { segments });
  });

  it('a branch behind a shared prompt gives what it gives in a row of its own', () => {
    const shape = [1, 7, 2, 4];
    const all = ['q', 'k', 'v'].map((name) => tf.tensor(normal(name, shape).values, shape));
    const attend = ([q, k, v]: tf.Tensor[], segments: number[]) =>
      run(
        ops.attention,
        { q: q!, k: k!, v: v!, segments: tf.tensor2d([segments], undefined, 'int32') },
        { scale: 0.5, causal: true },
      );
    const packed = attend(all, [3, 3, 3, 4, 4, 5, 5]);
    for (const places of [
      [0, 1, 2, 3, 4],
      [0, 1, 2, 5, 6],
    ]) {
      const index = tf.tensor1d(places, 'int32');
      const alone = attend(
        all.map((x) => tf.gather(x, index, 1)),
        [0, 0, 0, 0, 0],
      );
      expectClose(tf.gather(packed, index, 1), alone, 1e-6);
    }
  });

  it('queries and keys of ±100, where one key takes all', () => {
    const make = (name: string, shape: number[]) =>
      name === 'v' ? normal(name, shape) : pick(name, shape, [100, -100, 0, 50]);
    // of scores of 10⁴, log Σ exp has three decimals
    checkAttention(
      { B: 1, H: 2, G: 1, T: 4, S: 5, d: 4 },
      { make, scale: 0.5, tolerance: 1e-5, gradientTolerance: 5e-4 },
    );
  });

  it('values of ±100', () => {
    const make = (name: string, shape: number[]) =>
      name === 'v' ? pick(name, shape, [100, -100, 0]) : normal(name, shape);
    checkAttention({ B: 1, H: 2, G: 1, T: 4, S: 5, d: 4 }, { make, tolerance: 1e-5 });
  });

  it.each([0.1, 1, 50])('scores softly capped at %d', (cap) => {
    checkAttention({ B: 2, H: 4, G: 2, T: 5, S: 5, d: 3 }, { cap, causal: true });
  });

  it('scores of ±10⁴ at a cap of 50 are all at it, and pass no gradient on', () => {
    const make = (name: string, shape: number[]) =>
      name === 'v' ? normal(name, shape) : pick(name, shape, [100, -100, 50]);
    checkAttention(
      { B: 1, H: 2, G: 1, T: 4, S: 5, d: 3 },
      { make, causal: true, scale: 0.5, cap: 50, tolerance: 1e-5 },
    );
  });

  it('drops out probabilities, the same ones in the backward pass', () => {
    const sizes = { B: 2, H: 4, G: 2, T: 5, S: 7, d: 3 };
    checkAttention(sizes, { dropout: { rate: 0.4, key: 7 }, causal: true });
  });

  it('wants positions where there is a window', () => {
    const x = tf.zeros([1, 2, 1, 2]);
    const segments = tf.zeros([1, 2], 'int32');
    expect(() => run(ops.attention, { q: x, k: x, v: x, segments }, { scale: 1, window: 1 })).toThrow(
      'positions',
    );
  });
});
