import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { composed, type Op, run } from '../../src/ops/op.js';
import { recompute } from '../../src/ops/recompute.js';
import { ops } from '../../src/ops/table.js';
import { describeOps } from '../helpers/backends.js';
import { normal } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';

const TOLERANCE = 1e-6;

function tensor(name: string, shape: number[]): tf.Tensor {
  return tf.tensor(normal(name, shape).values, shape);
}

/** The tensors that a call leaves behind, which it may and should: what it returns. */
function made(call: () => unknown): number {
  const before = tf.memory().numTensors;
  call();
  return tf.memory().numTensors - before;
}

type PairInputs = { a: tf.Tensor; b: tf.Tensor };

/** a · b, which tells what its gradient is asked for, and may go wrong on the way back. */
function spy(asked: string[][], wrong?: (dx: tf.Tensor) => tf.Tensor | undefined): Op<PairInputs, object> {
  return {
    keepsOutput: false,
    kernels: composed,
    forward: ({ a, b }) => tf.mul(a, b),
    gradient(dy, { a, b }, _attributes, _output, needs) {
      asked.push((['a', 'b'] as const).filter(needs));
      const da = tf.mul(dy, b);
      return {
        a: needs('a') ? (wrong ? wrong(da) : da) : undefined,
        b: needs('b') ? tf.mul(dy, a) : undefined,
      };
    },
  };
}

describeOps('valueAndGradients equals tf.grads', () => {
  const CASES: Record<string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor> = {
    'a product of matrices': (x, y) => tf.matMul(x as tf.Tensor2D, y as tf.Tensor2D, false, true),
    'a tensor that is used twice': (x, y) => tf.add(tf.mul(x, x), tf.mul(tf.mul(x, y), y)),
    'an inner tensor that is used three times': (x, y) => {
      const inner = tf.tanh(tf.mul(x, y));
      return tf.add(tf.mul(inner, inner), tf.exp(inner));
    },
    broadcasting: (x, y) =>
      tf.div(tf.mul(x, y.slice([0, 0], [1, -1])), tf.add(tf.square(y.slice([0, 0], [-1, 1])), 1)),
    'reductions and reshapes': (x, y) => tf.mul(tf.sum(tf.softmax(x), 0), tf.mean(y.reshape([3, 4]), 0)),
    'one of several outputs': (x, y) =>
      tf.mul(tf.split(x, 2, 1)[1]!, tf.unstack(tf.stack([y, x]))[0]!.slice([0, 0], [-1, 2])),
    'gather and concat': (x, y) => tf.gather(tf.concat([x, y, x], 0), tf.tensor1d([0, 4, 8, 0], 'int32')),
  };

  it.each(Object.entries(CASES))('%s', (_name, f) => {
    const [x, y] = [tensor('x', [3, 4]), tensor('y', [3, 4])];
    const expected = tf.valueAndGrads((...args: tf.Tensor[]) => tf.sum(f(args[0]!, args[1]!)))([x, y]);
    const { value, gradients } = valueAndGradients(() => f(x, y), [x, y]);
    expectClose(tf.sum(value), expected.value, TOLERANCE, 'value');
    gradients.forEach((gradient, i) => {
      expect(gradient.shape).toEqual([3, 4]);
      expectClose(gradient, expected.grads[i]!, TOLERANCE, `gradient ${i}`);
    });
    const dy = tensor('dy', value.shape);
    const weighted = valueAndGradients(() => f(x, y), [x, y], dy);
    const expectedWeighted = tf.grads((...args: tf.Tensor[]) => tf.sum(tf.mul(f(args[0]!, args[1]!), dy)))([
      x,
      y,
    ]);
    weighted.gradients.forEach((gradient, i) => {
      expectClose(gradient, expectedWeighted[i]!, TOLERANCE, `weighted gradient ${i}`);
    });
  });
});

describeOps('valueAndGradients', () => {
  it('gives zeros for what the value does not depend on', () => {
    const [x, y] = [tensor('x', [2, 3]), tensor('y', [4])];
    const { value, gradients } = valueAndGradients(() => {
      tf.mul(y, 2);
      return tf.square(x);
    }, [x, y]);
    expect(value.shape).toEqual([2, 3]);
    expect(gradients[1]!.shape).toEqual([4]);
    expect(Array.from(gradients[1]!.dataSync())).toEqual([0, 0, 0, 0]);
    const constant = valueAndGradients(() => tf.ones([2]), [x]);
    expect(Array.from(constant.gradients[0]!.dataSync())).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('lists a tensor twice with the same gradient each time', () => {
    const x = tensor('x', [3]);
    const { gradients } = valueAndGradients(() => tf.square(x), [x, x]);
    expectClose(gradients[0]!, tf.mul(x, 2), 0);
    expectClose(gradients[1]!, tf.mul(x, 2), 0);
    gradients[0]!.dispose();
    expect(gradients[1]!.isDisposed).toBe(false);
  });

  it('leaves the inputs and its own dy alive', () => {
    const [x, dy] = [tensor('x', [3]), tensor('dy', [3])];
    const { value, gradients } = valueAndGradients(() => tf.mul(x, 1), [x], dy);
    tf.dispose([value, gradients]);
    expect([x.isDisposed, dy.isDisposed]).toEqual([false, false]);
  });

  it('makes the value and the gradients, and no other tensor', () => {
    const [x, w] = [tensor('x', [3, 4]), tensor('w', [4])];
    const f = () => run(ops.layerNorm, { x: tf.tanh(tf.mul(x, 2)), weight: w, bias: w }, { epsilon: 1e-5 });
    f().dispose();
    expect(made(() => valueAndGradients(f, [x, w]))).toBe(3);
    expect(made(() => valueAndGradients(f, [w]))).toBe(2);
    expect(made(() => valueAndGradients(f, []))).toBe(1);
  });

  describe('where something throws', () => {
    const boom = () => {
      throw new Error('boom');
    };

    it('in f: nothing is left, and the next one works', () => {
      const x = tensor('x', [3]);
      const failing = () => {
        const y = run(ops.gelu, { x: tf.tanh(x) }, { approximate: 'none' });
        tf.exp(y);
        return boom();
      };
      expect(made(() => expect(() => valueAndGradients(failing, [x])).toThrow('boom'))).toBe(0);
      const inKernel: Op<PairInputs, object> = { ...spy([]), forward: boom };
      const failingOp = () => run(inKernel, { a: tf.tanh(x), b: x }, {});
      expect(made(() => expect(() => valueAndGradients(failingOp, [x])).toThrow('boom'))).toBe(0);
      const { gradients } = valueAndGradients(() => tf.square(x), [x]);
      expectClose(gradients[0]!, tf.mul(x, 2), 0);
      expectClose(tf.grad((t) => tf.square(t))(x), tf.mul(x, 2), 0);
      // no tape is left open: what follows keeps no inputs
      expect(made(() => tf.tidy(() => void tf.exp(tf.tanh(x))))).toBe(0);
    });

    it('in a gradient: nothing is left, and the next one works', () => {
      const x = tensor('x', [3]);
      const op = spy([], boom);
      const failing = () => valueAndGradients(() => tf.exp(run(op, { a: tf.tanh(x), b: x }, {})), [x]);
      expect(made(() => expect(failing).toThrow('boom'))).toBe(0);
      const { gradients } = valueAndGradients(() => tf.square(x), [x]);
      expectClose(gradients[0]!, tf.mul(x, 2), 0);
    });

    it('a gradient that is missing or misshapen is named', () => {
      const x = tensor('x', [3]);
      const missing = () =>
        valueAndGradients(
          () =>
            run(
              spy([], () => undefined),
              { a: x, b: x },
              {},
            ),
          [x],
        );
      expect(made(() => expect(missing).toThrow('the op gives no gradient for its input a'))).toBe(0);
      const wrong = spy([], (dx) => dx.reshape([3, 1]));
      const misshapen = () => valueAndGradients(() => run(wrong, { a: x, b: x }, {}), [x]);
      expect(made(() => expect(misshapen).toThrow('gradient of a is [3,1], its input is [3]'))).toBe(0);
      const frozen = { ...spy([]), gradient: null };
      expect(() => valueAndGradients(() => run(frozen, { a: x, b: x }, {}), [x])).toThrow(
        'not differentiable',
      );
      expect(() => valueAndGradients(() => tf.topk(x, 1).values, [x])).toThrow(
        'no gradient is registered for TopK',
      );
    });
  });
});

describeOps('an op is asked only for gradients that are needed', () => {
  it('by xs, and by what lies on the way to them', () => {
    const [x, y, z] = [tensor('x', [3]), tensor('y', [3]), tensor('z', [3])];
    const askedFor = (xs: tf.Tensor[], a: () => tf.Tensor, b: () => tf.Tensor) => {
      const asked: string[][] = [];
      valueAndGradients(() => run(spy(asked), { a: a(), b: b() }, {}), xs);
      return asked;
    };
    expect(
      askedFor(
        [x, y],
        () => x,
        () => y,
      ),
    ).toEqual([['a', 'b']]);
    expect(
      askedFor(
        [x],
        () => x,
        () => y,
      ),
    ).toEqual([['a']]);
    expect(
      askedFor(
        [y],
        () => x,
        () => tf.tanh(y),
      ),
    ).toEqual([['b']]);
    expect(
      askedFor(
        [z],
        () => x,
        () => y,
      ),
    ).toEqual([]);
  });

  it('also within a recomputation', () => {
    const [x, y] = [tensor('x', [3]), tensor('y', [3])];
    const asked: string[][] = [];
    const op = spy(asked);
    valueAndGradients(() => recompute((a) => run(op, { a: a!, b: y }, {}), [x], [y]), [y]);
    valueAndGradients(() => recompute((a) => run(op, { a: a!, b: y }, {}), [x], [y]), [x]);
    expect(asked).toEqual([['b'], ['a']]);
  });
});

describeOps('nested differentiation', () => {
  it('leaves the outer one alone: an inner gradient is a constant to it', () => {
    const x = tensor('x', [4]);
    const { value, gradients } = valueAndGradients(() => {
      const inner = valueAndGradients(() => tf.mul(tf.square(x), x), [x]);
      return tf.mul(inner.gradients[0]!, x);
    }, [x]);
    const slope = tf.mul(tf.square(x), 3);
    expectClose(value, tf.mul(slope, x), TOLERANCE, 'value');
    expectClose(gradients[0]!, slope, TOLERANCE, 'gradient');
  });

  it('makes no tensors besides', () => {
    const x = tensor('x', [4]);
    const f = () => {
      const inner = valueAndGradients(() => tf.square(x), [x]);
      return tf.mul(inner.gradients[0]!, tf.exp(x));
    };
    expect(made(() => valueAndGradients(f, [x]))).toBe(2);
  });
});

describeOps('recompute', () => {
  const parameters = () => ({ w: tensor('w', [4, 4]), g: tensor('g', [4]) });

  /** Three layers of two weights that all of them share, and an input besides the hidden state. */
  function network(
    wrap: (f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[], ps: tf.Tensor[]) => tf.Tensor,
  ) {
    const { w, g } = parameters();
    const [x, bias] = [tensor('x', [5, 4]), tensor('bias', [1, 4])];
    const layer = (...[h, b]: tf.Tensor[]) => {
      const product = tf.add(tf.matMul(h as tf.Tensor2D, w as tf.Tensor2D), b!);
      return run(ops.rmsNorm, { x: tf.tanh(product), weight: g }, { epsilon: 1e-6, offset: 1 });
    };
    const f = () => {
      const shift = tf.mul(bias, 2);
      let h: tf.Tensor = tf.mul(x, 3);
      for (let i = 0; i < 3; i++) h = wrap(layer, [h, shift], [w, g]);
      return tf.mean(tf.square(h));
    };
    return { f, xs: [x, bias, w, g] };
  }

  it('gives the value and the gradients of a plain run, and no other tensors', () => {
    const plain = network((f, xs) => f(...xs));
    const expected = valueAndGradients(plain.f, plain.xs);
    const checkpointed = network(recompute);
    expect(made(() => valueAndGradients(checkpointed.f, checkpointed.xs))).toBe(5);
    const actual = valueAndGradients(checkpointed.f, checkpointed.xs);
    expect(Array.from(actual.value.dataSync())).toEqual(Array.from(expected.value.dataSync()));
    actual.gradients.forEach((gradient, i) => {
      expectClose(gradient, expected.gradients[i]!, TOLERANCE, `gradient ${i}`);
    });
  });

  it('within a recomputation gives the same', () => {
    const plain = network((f, xs) => f(...xs));
    const expected = valueAndGradients(plain.f, plain.xs);
    const nested = network((f, xs, ps) => recompute((...inner) => recompute(f, inner, ps), xs, ps));
    const actual = valueAndGradients(nested.f, nested.xs);
    actual.gradients.forEach((gradient, i) => {
      expectClose(gradient, expected.gradients[i]!, TOLERANCE, `gradient ${i}`);
    });
  });

  it('runs f again only where a gradient is wanted, and keeps less', () => {
    const x = tensor('x', [64]);
    let runs = 0;
    let kept = 0;
    const deep = (h: tf.Tensor | undefined) => {
      runs++;
      let y = h!;
      for (let i = 0; i < 10; i++) y = tf.tanh(tf.mul(y, 1.1));
      return y;
    };
    const size = (f: () => tf.Tensor) => {
      runs = 0;
      const { gradients } = valueAndGradients(() => {
        const before = tf.memory().numTensors;
        const y = tf.tidy(f);
        kept = tf.memory().numTensors - before;
        return y;
      }, [x]);
      return gradients[0]!;
    };
    const plain = size(() => deep(x));
    const keptPlain = kept;
    expect(runs).toBe(1);
    const again = size(() => recompute((h) => deep(h), [x], []));
    expect(runs).toBe(2);
    expect(kept).toBeLessThan(keptPlain / 3);
    expectClose(again, plain, TOLERANCE);
    size(() =>
      tf.add(
        recompute((h) => deep(h), [tf.ones([64])], []),
        x,
      ),
    );
    expect(runs).toBe(1);
  });
});
