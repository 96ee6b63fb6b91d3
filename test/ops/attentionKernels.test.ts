import { expect, it } from 'vitest';
import { useKernelLibrary } from '../../src/backends/tensorflow/kernelLibrary.js';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { integerAt, randomKey, uniformAt } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

/** Sizes beyond a tile, and no multiples of one: what the float64 references of the other suites are too slow for. */

function tensor(name: string, shape: number[], range = 1.7): tf.Tensor {
  const key = randomKey('test', name);
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let i = 0; i < values.length; i++) values[i] = range * (2 * uniformAt(key, i) - 1);
  return tf.tensor(values, shape);
}

function bytes(x: tf.Tensor): Buffer {
  const { buffer, byteOffset, byteLength } = x.dataSync();
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Value and gradients by the kernels, then by the compositions. */
function both(f: () => tf.Tensor, xs: tf.Tensor[], names: readonly string[], tolerance: number): void {
  const dy = tf.tidy(() => tensor('dy', f().shape));
  const pass = (own: boolean) => {
    useKernelLibrary(own);
    try {
      return valueAndGradients(f, xs, dy);
    } finally {
      useKernelLibrary(true);
    }
  };
  const before = tf.memory().numTensors;
  const [actual, again, expected] = [pass(true), pass(true), pass(false)];
  expectClose(actual.value, expected.value, tolerance, 'output');
  names.forEach((name, i) => {
    expectClose(actual.gradients[i]!, expected.gradients[i]!, 4 * tolerance, `gradient of ${name}`);
    expect(bytes(again.gradients[i]!).equals(bytes(actual.gradients[i]!)), `${name} again`).toBe(true);
  });
  for (const { value, gradients } of [actual, again, expected]) tf.dispose([value, gradients]);
  expect(tf.memory().numTensors).toBe(before);
}

interface Case {
  B: number;
  T: number;
  S: number;
  H: number;
  G: number;
  d: number;
  causal?: boolean;
  window?: number;
  cap?: number;
  rate?: number;
  layout?: keyof typeof LAYOUTS;
}

/** Segments and positions of rows of S tokens. */
const LAYOUTS = {
  whole: (_b: number, s: number) => [0, s],
  'padded left': (b: number, s: number) => (s < 37 * b ? [-1, 0] : [0, s - 37 * b]),
  'padded right': (b: number, s: number, S: number) => (s >= S - 81 * b ? [-1, 0] : [0, s]),
  // rows of pairs: a prompt of 50, a branch of 30 and one of 20
  pairs: (b: number, s: number) => {
    const place = (s + 13 * b) % 100;
    const branch = place < 50 ? 0 : place < 80 ? 1 : 2;
    return [3 * Math.floor((s + 13 * b) / 100) + branch, branch === 2 ? place - 30 : place];
  },
  'long branches': (_b: number, s: number) => (s < 64 ? [0, s] : s < 192 ? [1, s] : [2, s - 128]),
  nothing: (b: number, s: number) => (b === 1 ? [-1, 0] : [0, s]),
} satisfies Record<string, (b: number, s: number, S: number) => number[]>;

const CASES: Case[] = [
  { B: 2, T: 150, S: 150, H: 3, G: 3, d: 64 },
  { B: 1, T: 64, S: 64, H: 2, G: 1, d: 16, causal: true },
  { B: 2, T: 150, S: 150, H: 4, G: 2, d: 40, causal: true },
  { B: 2, T: 70, S: 200, H: 4, G: 1, d: 256, causal: true, layout: 'padded left' },
  { B: 3, T: 195, S: 195, H: 2, G: 2, d: 32, layout: 'padded right' },
  { B: 2, T: 260, S: 260, H: 2, G: 1, d: 17, causal: true, layout: 'pairs' },
  { B: 2, T: 260, S: 260, H: 2, G: 1, d: 24, layout: 'pairs' },
  { B: 1, T: 300, S: 300, H: 2, G: 2, d: 64, causal: true, layout: 'long branches' },
  { B: 3, T: 130, S: 130, H: 2, G: 2, d: 8, layout: 'nothing' },
  { B: 2, T: 300, S: 300, H: 2, G: 1, d: 16, causal: true, window: 70 },
  { B: 2, T: 300, S: 300, H: 2, G: 1, d: 16, causal: true, window: 70, layout: 'pairs' },
  { B: 2, T: 100, S: 300, H: 2, G: 1, d: 16, causal: true, window: 1, layout: 'padded left' },
  { B: 2, T: 140, S: 140, H: 4, G: 2, d: 32, causal: true, cap: 3 },
  { B: 2, T: 129, S: 129, H: 4, G: 2, d: 32, rate: 0.3 },
  { B: 2, T: 128, S: 128, H: 4, G: 4, d: 32, rate: 0.1, layout: 'padded right' },
  { B: 2, T: 66, S: 131, H: 2, G: 1, d: 20, causal: true, cap: 2, rate: 0.5, window: 60 },
  { B: 1, T: 1, S: 1, H: 1, G: 1, d: 1 },
  { B: 3, T: 1, S: 777, H: 8, G: 2, d: 64, causal: true, layout: 'padded left' },
  { B: 2, T: 1, S: 300, H: 4, G: 1, d: 40, causal: true, window: 100, cap: 5 },
  { B: 2, T: 1, S: 130, H: 3, G: 3, d: 7, layout: 'nothing' },
  { B: 2, T: 1, S: 200, H: 4, G: 2, d: 16, rate: 0.2 },
];

describeBackends('attention by kernels and by compositions', (backend) => {
  it.runIf(backend === 'tensorflow').each(CASES)('%j', (sizes) => {
    const { B, T, S, H, G, d, causal, window, cap, rate, layout = 'whole' } = sizes;
    const tokens = Array.from({ length: B * S }, (_, i) => LAYOUTS[layout](Math.floor(i / S), i % S, S));
    const column = (i: number) =>
      tf.tensor2d(
        tokens.map((token) => token[i]!),
        [B, S],
        'int32',
      );
    const [segments, positions] = [column(0), column(1)];
    const [q, k, v] = [
      tensor('q', [B, T, H, d], 3.5),
      tensor('k', [B, S, G, d]),
      tensor('v', [B, S, G, d]),
    ] as const;
    const dropout = rate === undefined ? undefined : { rate, key: 11 };
    both(
      () =>
        run(
          ops.attention,
          { q, k, v, segments, positions },
          { scale: d ** -0.5, causal, window, cap, dropout },
        ),
      [q, k, v],
      ['q', 'k', 'v'],
      1e-5,
    );
  });
});

const RELATIVE = [
  { B: 2, T: 150, H: 3, d: 64, R: 299 },
  { B: 1, T: 1, H: 1, d: 1, R: 1 },
  { B: 3, T: 128, H: 2, d: 24, R: 100, padding: true },
  { B: 40, T: 20, H: 3, d: 16, R: 39, padding: true },
  { B: 2, T: 270, H: 2, d: 17, R: 50, padding: true },
  { B: 2, T: 129, H: 2, d: 32, R: 257, rate: 0.3 },
  { B: 2, T: 140, H: 2, d: 32, R: 9, rate: 0.1, padding: true },
];
const TERMS = [[], ['c2p'], ['p2c'], ['c2p', 'p2c']] as const;

describeBackends('disentangled attention by kernels and by compositions', (backend) => {
  const cases = RELATIVE.flatMap((sizes) => TERMS.map((terms) => ({ ...sizes, terms })));
  it.runIf(backend === 'tensorflow').each(cases)('%j', ({ B, T, H, d, R, rate, padding, terms }) => {
    const segments = tf.tensor2d(
      Array.from({ length: B * T }, (_, i) => {
        const [b, t] = [Math.floor(i / T), i % T];
        return padding && t >= T - Math.floor((b * T) / (B - 1)) ? -1 : 0;
      }),
      [B, T],
      'int32',
    );
    const has = (term: 'c2p' | 'p2c') => (terms as readonly string[]).includes(term);
    const index = (term: 'c2p' | 'p2c') => {
      const key = randomKey('index', term);
      return tf.tensor1d(
        Array.from({ length: 2 * T - 1 }, (_, n) => integerAt(key, n, R)),
        'int32',
      );
    };
    const inputs = {
      q: tensor('q', [B, T, H, d]),
      k: tensor('k', [B, T, H, d]),
      v: tensor('v', [B, T, H, d]),
      ...(has('c2p') && { relativeKeys: tensor('relativeKeys', [R, H, d]), c2p: index('c2p') }),
      ...(has('p2c') && { relativeQueries: tensor('relativeQueries', [R, H, d]), p2c: index('p2c') }),
      segments,
    };
    const names = (['q', 'k', 'v', 'relativeKeys', 'relativeQueries'] as const).filter(
      (name) => name in inputs,
    );
    both(
      () =>
        run(ops.disentangledAttention, inputs, {
          scale: (d * (1 + terms.length)) ** -0.5,
          dropout: rate === undefined ? undefined : { rate, key: 5 },
        }),
      names.map((name) => inputs[name]!),
      names,
      1e-5,
    );
  });
});
