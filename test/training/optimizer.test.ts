import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { streamSafetensors } from '../../src/models/formats/safetensorsWriter.js';
import { Weights } from '../../src/models/weights.js';
import { Adamw, type AdamwOptions, clipFactor, globalNorm } from '../../src/training/optimizer.js';
import { describeOps } from '../helpers/backends.js';
import { normal } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';
import { temporaryFolders } from '../helpers/temporary.js';

const folder = temporaryFolders();

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

describeOps('AdamW', () => {
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

  const resumes = (options: AdamwOptions, initial: Nested[], gradients: Nested[][]) => {
    const weights = weightsOf(initial);
    let optimizer = new Adamw(weights, weights.names(), options);
    const straight = weightsOf(initial);
    const other = new Adamw(straight, straight.names(), options);
    const path = join(folder(), 'optimizer.safetensors');
    for (const given of gradients) {
      optimizer.apply(tensors(given), settings.lr);
      other.apply(tensors(given), settings.lr);
      streamSafetensors(path, optimizer.state());
      const { step } = optimizer;
      optimizer.dispose();
      optimizer = new Adamw(weights, weights.names(), options);
      const file = SafetensorsFile.open(path);
      optimizer.restore(step, file);
      file.close();
    }
    for (const name of weights.names()) {
      expect(Array.from(weights.get(name).dataSync())).toEqual(Array.from(straight.get(name).dataSync()));
    }
    const bytesOf = (state: ReturnType<Adamw['state']>) =>
      state.map(([name, { dtype, shape, data }]) => ({ name, dtype, shape, data: Array.from(data()) }));
    expect(bytesOf(optimizer.state())).toEqual(bytesOf(other.state()));
    const state = new Map(optimizer.state());
    optimizer.dispose();
    other.dispose();
    return state;
  };

  it('goes on from saved moments with the bits of one that was never stopped', () => {
    resumes(
      OPTIONS,
      adamw.initial,
      adamw.steps.map(({ gradients }) => gradients),
    );
  });

  it('so it does with moments of 8 bits, which small tensors do not have', () => {
    const sizes = [4095, 4097];
    const drawn = (name: string) => sizes.map((size) => normal(`${name}${size}`, [size]).values);
    const state = resumes({ ...OPTIONS, optimizer: 'adamw8bit' }, drawn('p'), [
      drawn('a'),
      drawn('b'),
      drawn('c'),
    ]);
    const types = [...state].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape}`);
    expect(types.sort()).toEqual(
      [
        'm.p0 F32 4095',
        'v.p0 F32 4095',
        'm.p1 U8 4097',
        'v.p1 U8 4097',
        'mAbsmax.p1 F32 17',
        'vAbsmax.p1 F32 17',
      ].sort(),
    );
  });

  it('leaves a reading, a clone and the array that a parameter came from as they were', () => {
    const array = Float32Array.from({ length: 64 }, (_, i) => i / 8);
    const before = Array.from(array);
    const weights = new Weights();
    weights.set('x', tf.tensor1d(array));
    const optimizer = new Adamw(weights, ['x'], OPTIONS);
    const held: tf.Tensor[] = [];
    const readings: Float32Array[] = [];
    for (let i = 0; i < 3; i++) {
      held.push(weights.get('x').clone());
      readings.push(weights.get('x').dataSync() as Float32Array);
      optimizer.apply([tf.ones([64])], 0.1);
    }
    expect(Array.from(array)).toEqual(before);
    expect(Array.from(held[0]!.dataSync())).toEqual(before);
    held.forEach((tensor, i) => {
      expect(Array.from(tensor.dataSync())).toEqual(Array.from(readings[i]!));
    });
    expect(readings[2]![0]).not.toBe(readings[1]![0]);
    optimizer.dispose();
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

describeOps('clipping by the global norm', () => {
  it.each(clip.cases)('equals torch for a norm of at most $maxNorm', ({ maxNorm, totalNorm, clipped }) => {
    const gradients = tensors(clip.gradients);
    const before = tf.memory().numTensors;
    const norm = globalNorm(gradients);
    expect(tf.memory().numTensors).toBe(before);
    expectClose([norm], [totalNorm], TOLERANCE, 'norm');
    const factor = clipFactor(norm, maxNorm);
    clipped.forEach((expected, i) => {
      expectClose(tf.mul(gradients[i]!, factor), expected.flat(), TOLERANCE, `gradient ${i}`);
    });
  });

  it('a step by clipped gradients is one by gradients that were multiplied', () => {
    const [weights, others] = [weightsOf(adamw.initial), weightsOf(adamw.initial)];
    const [a, b] = [weights, others].map((each) => new Adamw(each, each.names(), OPTIONS));
    const gradients = tensors(adamw.steps[0]!.gradients);
    a!.apply(gradients, settings.lr, 0.25);
    b!.apply(
      gradients.map((gradient) => tf.mul(gradient, 0.25)),
      settings.lr,
    );
    for (const name of weights.names()) expectClose(weights.get(name), others.get(name), 1e-7, name);
    a!.dispose();
    b!.dispose();
  });

  it('shows zero, infinite and NaN gradients', () => {
    expect(globalNorm([tf.zeros([3])])).toBe(0);
    expect(clipFactor(0, 1)).toBe(1);
    expect(globalNorm([tf.tensor1d([1]), tf.tensor1d([Number.NaN])])).toBeNaN();
    expect(globalNorm([tf.tensor1d([1, Number.POSITIVE_INFINITY])])).toBe(Number.POSITIVE_INFINITY);
  });
});
