import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { Weights } from '../../src/models/weights.js';
import { Adamw, clipByGlobalNorm } from '../../src/training/optimizer.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

type Nested = number[] | number[][];

const { adamw, clip } = JSON.parse(readFileSync('test/fixtures/optim.json', 'utf8')) as {
  adamw: {
    settings: { lr: number; betas: [number, number]; eps: number; weight_decay: number };
    initial: Nested[];
    steps: { gradients: Nested[]; parameters: Nested[] }[];
  };
  clip: { gradients: Nested[]; cases: { maxNorm: number; totalNorm: number; clipped: Nested[] }[] };
};

const { settings } = adamw;
const OPTIONS = {
  beta1: settings.betas[0],
  beta2: settings.betas[1],
  epsilon: settings.eps,
  weightDecay: settings.weight_decay,
};
/** A few units in the last place of float32. */
const TOLERANCE = 5e-7;

const tensors = (values: Nested[]) => values.map((value) => tf.tensor(value));

function weightsOf(values: Nested[], names = values.map((_, i) => `p${i}`)): Weights {
  const weights = new Weights();
  values.forEach((value, i) => {
    weights.set(names[i]!, tf.tensor(value));
  });
  return weights;
}

describeBackends('AdamW', () => {
  it('equals torch.optim.AdamW after each step', () => {
    const weights = weightsOf(adamw.initial);
    const optimizer = new Adamw(weights, weights.names(), OPTIONS);
    for (const [i, { gradients, parameters }] of adamw.steps.entries()) {
      const given = tensors(gradients);
      const before = tf.memory().numTensors;
      optimizer.apply(given, settings.lr);
      expect(tf.memory().numTensors).toBe(before);
      expect(optimizer.step).toBe(i + 1);
      parameters.forEach((expected, p) => {
        const actual = weights.get(`p${p}`);
        expect(actual.shape).toEqual(tf.tensor(expected).shape);
        expectClose(actual, expected.flat(), TOLERANCE, `parameter ${p} after step ${i + 1}`);
      });
    }
    optimizer.dispose();
  });

  it.each(['layer.bias', 'LayerNorm.weight', 'model.norm.weight', 'x.input_layernorm.weight'])(
    '%s does not decay',
    (name) => {
      const weights = weightsOf([[1, -2]], [name]);
      const optimizer = new Adamw(weights, [name], OPTIONS);
      optimizer.apply([tf.tensor1d([0, 0])], 0.5);
      expect(Array.from(weights.get(name).dataSync())).toEqual([1, -2]);
      optimizer.dispose();
    },
  );

  it.each(['dense.weight', 'q_proj.lora_A.weight', 'word_embeddings.weight'])('%s decays', (name) => {
    const weights = weightsOf([[1, -2]], [name]);
    const optimizer = new Adamw(weights, [name], OPTIONS);
    optimizer.apply([tf.tensor1d([0, 0])], 0.5);
    expectClose(weights.get(name), [0.95, -1.9], TOLERANCE);
    optimizer.dispose();
  });

  it('goes on from saved moments with the bits of one that was never stopped', () => {
    const weights = weightsOf(adamw.initial);
    let optimizer = new Adamw(weights, weights.names(), OPTIONS);
    const straight = weightsOf(adamw.initial);
    const other = new Adamw(straight, straight.names(), OPTIONS);
    for (const { gradients } of adamw.steps) {
      optimizer.apply(tensors(gradients), settings.lr);
      other.apply(tensors(gradients), settings.lr);
      const state = new Map(optimizer.state().map(([key, tensor]) => [key, tensor.dataSync()]));
      const { step } = optimizer;
      optimizer.dispose();
      optimizer = new Adamw(weights, weights.names(), OPTIONS);
      optimizer.restore(step, (key, shape) => tf.tensor(state.get(key)!, shape));
    }
    for (const name of weights.names()) {
      expect(Array.from(weights.get(name).dataSync())).toEqual(Array.from(straight.get(name).dataSync()));
    }
    optimizer.dispose();
    other.dispose();
  });

  it('leaves nothing on the device', () => {
    const before = tf.memory().numTensors;
    const weights = weightsOf(adamw.initial);
    const optimizer = new Adamw(weights, weights.names(), OPTIONS);
    const gradients = tensors(adamw.steps[0]!.gradients);
    optimizer.apply(gradients, settings.lr);
    optimizer.dispose();
    weights.dispose();
    tf.dispose(gradients);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describeBackends('clipping by the global norm', () => {
  it.each(clip.cases)('equals torch for a norm of at most $maxNorm', ({ maxNorm, totalNorm, clipped }) => {
    const before = tf.memory().numTensors;
    const result = clipByGlobalNorm(tensors(clip.gradients), maxNorm);
    expect(tf.memory().numTensors).toBe(before + clip.gradients.length);
    expectClose([result.norm], [totalNorm], TOLERANCE, 'norm');
    clipped.forEach((expected, i) => {
      expectClose(result.clipped[i]!, expected.flat(), TOLERANCE, `gradient ${i}`);
    });
    tf.dispose(result.clipped);
  });

  it('keeps zeros zero and shows infinite and NaN gradients in the norm', () => {
    const zero = clipByGlobalNorm([tf.zeros([3])], 1);
    expect(zero.norm).toBe(0);
    expect(Array.from(zero.clipped[0]!.dataSync())).toEqual([0, 0, 0]);
    expect(clipByGlobalNorm([tf.tensor1d([1]), tf.tensor1d([Number.NaN])], 1).norm).toBeNaN();
    expect(clipByGlobalNorm([tf.tensor1d([1, Number.POSITIVE_INFINITY])], 1).norm).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});
