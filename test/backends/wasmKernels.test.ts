import { describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import { booleans, expectSame, expectSameGradient, floats, integers } from './compare.js';

const SHAPES = [[7], [1], [3, 5], [2, 3, 4], [2, 1, 3, 5], [2, 3, 2, 2, 3], [2, 1, 2, 3, 1, 2], [0, 3], []];

const EXTREMES = [
  ...[0, -0, 1e-8, -1e-8, 1e-3, 0.1, 0.5, 0.9, 1, -1, 2.5, -3.5, 5, -5, 10, -10, 20, -20, 88, -88, 100, -100],
  ...[1e30, -1e30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
];

const UNARY = {
  abs: tf.abs,
  ceil: tf.ceil,
  elu: tf.elu,
  exp: tf.exp,
  expm1: tf.expm1,
  floor: tf.floor,
  log: tf.log,
  log1p: tf.log1p,
  logSigmoid: tf.logSigmoid,
  neg: tf.neg,
  reciprocal: tf.reciprocal,
  relu: tf.relu,
  relu6: tf.relu6,
  round: tf.round,
  rsqrt: tf.rsqrt,
  sigmoid: tf.sigmoid,
  sign: tf.sign,
  sin: tf.sin,
  cos: tf.cos,
  softplus: tf.softplus,
  sqrt: tf.sqrt,
  square: tf.square,
  step: tf.step,
  tanh: tf.tanh,
};

describe('functions of one tensor', () => {
  for (const [name, f] of Object.entries(UNARY)) {
    it(name, async () => {
      for (const shape of SHAPES) await expectSame(() => f(floats(shape, 3)));
      // cpu's sine of huge angles and wasm's differ in neither library's favour: both are Math.sin here.
      await expectSame(() => f(tf.tensor1d(EXTREMES)));
    });
  }

  it('erf', async () => {
    // cpu's is a formula good to 2e-7; wasm's is exact.
    for (const shape of SHAPES) await expectSame(() => tf.erf(floats(shape, 3)).add(2));
    await selectBackend('wasm');
    expect(tf.erf(tf.tensor1d([1e-8])).dataSync()[0]).toBeCloseTo(1.1283792e-8, 14);
  });

  it('sin and cos of large angles, as of rotary embeddings', async () => {
    await selectBackend('wasm');
    const angles = Float32Array.from({ length: 500 }, (_, i) => i * 16.37);
    const [sin, cos] = [tf.sin(tf.tensor1d(angles)).dataSync(), tf.cos(tf.tensor1d(angles)).dataSync()];
    angles.forEach((angle, i) => {
      expect(Math.abs(sin[i]! - Math.sin(angle))).toBeLessThan(1e-7);
      expect(Math.abs(cos[i]! - Math.cos(angle))).toBeLessThan(1e-7);
    });
  });

  it('functions of int32', async () => {
    for (const f of [tf.abs, tf.neg, tf.square, tf.relu, tf.sign, tf.reciprocal]) {
      await expectSame(() => f(integers([2, 5], -4, 9)));
    }
    await expectSame(() => integers([9], -5, 9).clipByValue(-1, 3));
  });

  it('cast', async () => {
    const numbers = () => tf.tensor1d([0, 0.3, -0.2, 1, 2.9, -2.9, 256, 512]);
    await expectSame(() => numbers().cast('int32'));
    await expectSame(() => numbers().cast('bool'));
    await expectSame(() => numbers().cast('int32').cast('bool'));
    await expectSame(() => numbers().greater(0).cast('float32'));
  });
});

const PAIRS: [number[], number[]][] = [
  [[4], [4]],
  [
    [3, 1],
    [1, 4],
  ],
  [[2, 3, 4], [4]],
  [
    [2, 3, 4],
    [2, 1, 1],
  ],
  [
    [2, 1, 3, 4],
    [5, 1, 1],
  ],
  [[], [3]],
  [[0, 3], [3]],
  [
    [2, 1, 2, 1, 3],
    [1, 2, 1, 2, 1],
  ],
];

describe('functions of two tensors', () => {
  const binary = {
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: tf.div,
    maximum: tf.maximum,
    minimum: tf.minimum,
    mod: tf.mod,
    squaredDifference: tf.squaredDifference,
    equal: tf.equal,
    less: tf.less,
    greaterEqual: tf.greaterEqual,
  };
  for (const [name, f] of Object.entries(binary)) {
    it(name, async () => {
      for (const [a, b] of PAIRS) {
        await expectSame(() => f(floats(a), floats(b, 2, 9)));
        await expectSame(() => f(integers(a, -9, 9), integers(b, 1, 5, 9)));
        await expectSame(() => f(integers(a, -9, 9), integers(b, -5, -1, 9)));
      }
    });
  }

  it('floorDiv of int32 is exact', async () => {
    for (const [a, b] of PAIRS) {
      await expectSame(() => tf.floorDiv(integers(a, -9, 9), integers(b, 1, 5, 9)));
    }
    await expectSame(() =>
      tf.floorDiv(
        tf.tensor1d([2147483647, -2147483648, 16777217, -16777217, 123456789], 'int32'),
        tf.tensor1d([2, 3, 1, 1, -7], 'int32'),
      ),
    );
  });

  it('int32 beyond 2^24', async () => {
    const big = () => tf.tensor1d([16777217, -16777219, 65537], 'int32');
    await expectSame(() => tf.add(big(), big()));
    await expectSame(() => tf.mul(big(), tf.tensor1d([3, 3, 65537], 'int32')));
    await expectSame(() => tf.mod(big(), tf.tensor1d([10, 7, 10], 'int32')));
    await expectSame(() => tf.sum(big()));
    await expectSame(() => tf.max(big()));
  });
});

describe('reductions', () => {
  const axes: [number[], (number | number[] | undefined)[]][] = [
    [[7], [undefined, 0]],
    [
      [2, 3, 4],
      [undefined, 0, 1, 2, [0, 2], [0, 1]],
    ],
    [
      [2, 3, 2, 2, 3],
      [0, 2, 4, [1, 3]],
    ],
    [[1], [0]],
  ];
  for (const [name, f] of Object.entries({
    sum: tf.sum,
    mean: tf.mean,
    max: tf.max,
    min: tf.min,
    prod: tf.prod,
    logSumExp: tf.logSumExp,
  })) {
    it(name, async () => {
      for (const [shape, list] of axes) {
        for (const axis of list) {
          for (const keepDims of [false, true]) await expectSame(() => f(floats(shape), axis, keepDims));
        }
      }
    });
  }

  it('arg max and min, ties and infinities', async () => {
    for (const shape of [[7], [3, 5], [2, 3, 4]]) {
      for (const axis of shape.keys()) {
        await expectSame(() => tf.argMax(floats(shape), axis));
        await expectSame(() => tf.argMin(floats(shape), axis));
      }
    }
    const inf = Number.NEGATIVE_INFINITY;
    await expectSame(() => tf.argMax(tf.tensor2d([1, 3, 3, -5, -3, -7, inf, inf, inf], [3, 3]), 1));
  });

  it('over nothing are what they are in TensorFlow', async () => {
    await selectBackend('wasm');
    const nothing = tf.zeros([3, 0]);
    const of = (tensor: tf.Tensor): number[] => [...tensor.dataSync()];
    // Memory that was used before, so that what is left unwritten shows.
    tf.fill([64], 5).dispose();
    expect(of(nothing.sum(1))).toEqual([0, 0, 0]);
    expect(of(nothing.prod(1))).toEqual([1, 1, 1]);
    expect(of(nothing.mean(1))).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(of(nothing.max(1))).toEqual(new Array(3).fill(Number.NEGATIVE_INFINITY));
    expect(of(nothing.min(1))).toEqual(new Array(3).fill(Number.POSITIVE_INFINITY));
    expect(of(nothing.cast('bool').any(1))).toEqual([0, 0, 0]);
    expect(of(nothing.cast('bool').all(1))).toEqual([1, 1, 1]);
    expect(of(nothing.cast('int32').max(1))).toEqual(new Array(3).fill(-(2 ** 31)));
  });

  it('of four million numbers keep their precision', async () => {
    await selectBackend('wasm');
    const numbers = new Float32Array(1 << 22).map((_, i) => (i % 10) / 10 + 0.1);
    const exact = numbers.reduce((sum, value) => sum + value, 0);
    const x = tf.tensor1d(numbers);
    expect(Math.abs(x.sum().dataSync()[0]! / exact - 1)).toBeLessThan(1e-6);
    expect(Math.abs((x.mean().dataSync()[0]! * numbers.length) / exact - 1)).toBeLessThan(1e-6);
  });
});

describe('moving values', () => {
  for (const shape of SHAPES.filter((each) => each.length > 0)) {
    const rank = shape.length;
    const last = rank - 1;
    const axes = [...shape.keys()];
    it(`of shape [${shape}]`, async () => {
      const reversed = [...axes].reverse();
      const rotated = axes.map((axis) => (axis + 1) % rank);
      for (const make of [() => floats(shape), () => integers(shape, 0, 99), () => booleans(shape)]) {
        for (const perm of [reversed, rotated]) await expectSame(() => tf.transpose(make(), perm));
        for (const axis of axes) {
          await expectSame(() => tf.concat([make(), make()], axis));
          await expectSame(() => tf.unstack(make(), axis));
          await expectSame(() => tf.stack([make(), make()], axis));
        }
        await expectSame(() =>
          tf.slice(
            make(),
            shape.map((size) => (size > 1 ? 1 : 0)),
          ),
        );
        await expectSame(() =>
          tf.slice(
            make(),
            shape.map(() => 0),
            shape.map((size) => Math.max(size - 1, 0)),
          ),
        );
        await expectSame(() =>
          tf.slice(
            make(),
            shape.map((size) => size >> 1),
            shape.map((size) => size - (size >> 1)),
          ),
        );
        await expectSame(() =>
          tf.pad(
            make(),
            shape.map((_, axis) => [axis % 2, 1]),
            1,
          ),
        );
        await expectSame(() =>
          tf.tile(
            make(),
            shape.map((_, axis) => 1 + (axis % 3)),
          ),
        );
        await expectSame(() =>
          tf.stridedSlice(
            make(),
            shape.map(() => 0),
            shape,
            shape.map(() => 2),
          ),
        );
        await expectSame(() => tf.where(booleans(shape, 4), make(), make()));
        await expectSame(() => tf.reverse(make(), last));
      }
      for (const exclusive of [false, true]) {
        await expectSame(() => tf.cumsum(floats(shape), last, exclusive, exclusive));
      }
      await expectSame(() => tf.broadcastTo(floats(shape), [2, ...shape]));
      if (shape.includes(0)) return;
      await expectSame(() => {
        const { values, indices } = tf.topk(floats(shape), Math.min(2, shape[last]!));
        return [values, indices];
      });
      for (const make of [() => floats(shape), () => integers(shape, 0, 99), () => booleans(shape)]) {
        await expectSame(() => tf.gather(make(), integers([4], 0, shape[last]!), last));
        await expectSame(() => tf.gather(make(), integers([4, 2], 0, shape[0]!), 0));
        await expectSame(() => tf.gather(make(), integers([], 0, shape[0]!), 0));
        await expectSame(() => tf.gather(make(), integers([0], 0, shape[0]!), 0));
      }
      if (rank > 1) {
        await expectSame(() => tf.gather(floats(shape), integers([shape[0]!, 2], 0, shape[1]!), 1, 1));
      }
      await expectSame(() => tf.gatherND(floats(shape), integers([3, 1], 0, shape[0]!)));
      await expectSame(() => tf.scatterND(integers([3, 1], 0, 6), floats([3, ...shape]), [6, ...shape]));
      await expectSame(() =>
        tf.unsortedSegmentSum(floats(shape), integers([shape[0]!], 0, 4) as tf.Tensor1D, 4),
      );
    });
  }

  it('where, with a broadcast condition over nothing, leaves other memory alone', async () => {
    await selectBackend('wasm');
    const witness = tf.range(0, 64);
    for (let i = 0; i < 50; i++) {
      tf.tidy(() => tf.where(tf.ones([3], 'bool'), tf.ones([0, 3]), tf.ones([1])));
    }
    expect([...witness.dataSync()]).toEqual(Array.from({ length: 64 }, (_, i) => i));
    expect(tf.ones([300]).sum().dataSync()[0]).toBe(300);
  });

  it('oneHot', async () => {
    await expectSame(() => tf.oneHot(integers([5], -1, 6), 4));
    await expectSame(() => tf.oneHot(integers([2, 3], 0, 4), 4, 2, -1));
    await expectSame(() => tf.oneHot(integers([0], 0, 4), 4));
  });

  it('softmax and logSoftmax', async () => {
    for (const shape of [[5], [3, 7], [2, 3, 4], [1, 1], [0, 3]]) {
      await expectSame(() => tf.softmax(floats(shape, 10)));
      await expectSame(() => tf.logSoftmax(floats(shape, 10)), 5e-4);
    }
    const inf = Number.NEGATIVE_INFINITY;
    await expectSame(() => tf.softmax(tf.tensor2d([1e4, 0, -1e4, inf, 0, 1, -1e9, -1e9, -1e9], [3, 3])));
  });
});

describe('indices out of range', () => {
  const indices = (...list: number[]): tf.Tensor => tf.tensor2d(list, [list.length, 1], 'int32');
  const cases: Record<string, () => tf.Tensor> = {
    'gather beyond': () => tf.gather(tf.ones([3, 2]), tf.tensor1d([0, 3], 'int32')),
    'gather before': () => tf.gather(tf.ones([3, 2]), tf.tensor1d([0, -1], 'int32')),
    'gather a value beyond': () => tf.gather(tf.ones([3]), tf.tensor1d([0, 3], 'int32')),
    gatherND: () => tf.gatherND(tf.ones([3, 2]), indices(0, 3)),
    'gatherND before': () => tf.gatherND(tf.ones([3, 2]), indices(-1)),
    scatterND: () => tf.scatterND(indices(0, 7), tf.ones([2, 2]), [6, 2]),
    'scatterND before': () => tf.scatterND(indices(0, -1), tf.ones([2, 2]), [6, 2]),
    tensorScatterUpdate: () => tf.tensorScatterUpdate(tf.ones([3, 2]), indices(0, 7), tf.ones([2, 2])),
    unsortedSegmentSum: () => tf.unsortedSegmentSum(tf.ones([2, 2]), tf.tensor1d([0, 4], 'int32'), 4),
  };
  for (const [name, run] of Object.entries(cases)) {
    it(name, async () => {
      await selectBackend('wasm');
      expect(run).toThrow(/is not (in|below)/);
    });
  }

  it('segments before the first are left out', async () => {
    await selectBackend('wasm');
    const sums = tf.unsortedSegmentSum(tf.ones([3, 2]), tf.tensor1d([0, -1, 0], 'int32'), 2);
    expect([...sums.dataSync()]).toEqual([2, 2, 0, 0]);
  });
});

describe('einsum', () => {
  const cases: [string, ...number[][]][] = [
    ['ij,jk->ik', [2, 3], [3, 4]],
    ['bij,bjk->bik', [2, 2, 3], [2, 3, 4]],
    ['bthd,bshd->bhts', [2, 3, 2, 4], [2, 5, 2, 4]],
    ['ij->ji', [2, 3]],
    ['ij->i', [2, 3]],
    ['ij->', [2, 3]],
    ['i,j->ij', [2], [3]],
    ['i,i->', [3], [3]],
    ['ij,ij->ij', [2, 3], [2, 3]],
    ['abc,ad->bd', [2, 3, 4], [2, 5]],
  ];
  for (const [equation, ...shapes] of cases) {
    it(equation, async () => {
      await expectSame(() => tf.einsum(equation, ...shapes.map((shape, i) => floats(shape, 1, i + 1))), 1e-4);
    });
  }
});

describe('gradients', () => {
  const functions: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    erf: tf.erf,
    gelu: (x) => x.mul(tf.erf(x.div(Math.SQRT2)).add(1)).mul(0.5),
    softplus: tf.softplus,
    logSigmoid: tf.logSigmoid,
    tanh: tf.tanh,
    sigmoid: tf.sigmoid,
    softmax: tf.softmax,
    logSoftmax: tf.logSoftmax,
    logSumExp: (x) => tf.logSumExp(x, 1),
    max: (x) => tf.max(x, 1),
    mean: (x) => tf.mean(x, 0),
    variance: (x) => tf.moments(x, 1).variance,
    rsqrt: (x) => tf.rsqrt(x.abs().add(1)),
    cumsum: (x) => tf.cumsum(x, 1),
    gather: (x) => tf.gather(x, tf.tensor1d([1, 0, 1], 'int32')),
    'gather of columns': (x) => tf.gather(x, tf.tensor1d([2, 0, 2], 'int32'), 1),
    'gather in batches': (x) =>
      tf.gather(
        x,
        tf.tensor2d(
          [
            [0, 2, 2],
            [1, 1, 0],
          ],
          [2, 3],
          'int32',
        ),
        1,
        1,
      ),
    slice: (x) => tf.slice(x, [0, 1], [2, 2]),
    split: (x) => tf.split(x, [1, 2], 1)[1]!,
    pad: (x) =>
      tf.pad(x, [
        [1, 1],
        [0, 2],
      ]),
    tile: (x) => tf.tile(x, [2, 3]),
    where: (x) => tf.where(booleans([2, 3], 4), x, x.mul(2)),
    'matMul with its transpose': (x) => tf.matMul(x, x, false, true),
    'matMul of its transpose': (x) => tf.matMul(x, x, true, false),
  };
  for (const [name, f] of Object.entries(functions)) {
    it(name, async () => {
      await expectSameGradient(f, () => floats([2, 3]));
    });
  }
});
