import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { loadGemma } from '../../src/models/decoders.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import { Weights } from '../../src/models/weights.js';
import { run as runOp } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { sftTask } from '../../src/sft/task.js';
import { TruecastError } from '../../src/support/errors.js';
import { type Progress, silent } from '../../src/support/progress.js';
import { integerAt, normalAt, randomKey } from '../../src/support/random.js';
import { type TrainingOptions, type TrainingTask, train } from '../../src/training/loop.js';
import { type RunEnvironment, RunFolder } from '../../src/training/runFolder.js';
import { describeBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();

const OPTIONS: TrainingOptions = {
  learningRate: 0.05,
  schedule: 'cosine',
  warmupRatio: 0.2,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-6,
  weightDecay: 0.1,
  maxGradientNorm: 1,
  saveEvery: 2,
  seed: 11,
};

function openRun(path: string, backend: string, config: unknown = OPTIONS): RunFolder {
  const environment: RunEnvironment = { truecast: '0', node: '20', tfjs: '4', backend };
  return RunFolder.open(path, config, environment);
}

/** Every file under a folder with its bytes. */
function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path).toString('base64')]),
  );
}

interface Rows {
  xs: number[][];
  labels: number[];
  ids: string[];
}

const STEPS = 5;
const MICRO_BATCHES = 2;

/** A classifier of two layers with dropout and a norm, on rows that depend on the step alone. */
function classifierTask(): TrainingTask<Rows> {
  const [inputs, hidden, classes, size] = [4, 6, 3, 3];
  const fresh = (name: string, shape: number[]) =>
    tf.tensor(
      Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) =>
        normalAt(randomKey('loop', name), i),
      ),
      shape,
    );
  const weights = new Weights();
  weights.set('dense.weight', fresh('dense', [hidden, inputs]));
  weights.set('LayerNorm.weight', tf.ones([hidden]));
  weights.set('LayerNorm.bias', tf.zeros([hidden]));
  weights.set('classifier.weight', fresh('classifier', [classes, hidden]));
  const batch = (step: number, i: number): Rows => ({
    ids: Array.from({ length: size }, (_, row) => `row-${step}-${i}-${row}`),
    labels: Array.from({ length: size }, (_, row) => integerAt(randomKey('label', step, i), row, classes)),
    xs: Array.from({ length: size }, (_, row) =>
      Array.from({ length: inputs }, (_, c) => normalAt(randomKey('x', step, i, row), c)),
    ),
  });
  return {
    weights,
    names: weights.names(),
    totalSteps: STEPS,
    batches: (step) => Array.from({ length: MICRO_BATCHES }, (_, i) => batch(step, i)),
    describe: ({ ids }) => ids.join(', '),
    loss({ xs, labels }, dropoutKey, report) {
      const product = tf.matMul(tf.tensor2d(xs), weights.get('dense.weight') as tf.Tensor2D, false, true);
      const normed = runOp(
        ops.layerNorm,
        { x: product, weight: weights.get('LayerNorm.weight'), bias: weights.get('LayerNorm.bias') },
        { epsilon: 1e-7 },
      );
      const dropped = runOp(ops.dropout, { x: normed }, { rate: 0.3, key: dropoutKey });
      const logits = tf.matMul(
        dropped as tf.Tensor2D,
        weights.get('classifier.weight') as tf.Tensor2D,
        false,
        true,
      );
      const target = tf.tensor1d(labels, 'int32');
      report('accuracy', tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), target), 'float32')));
      return runOp(ops.crossEntropy, { logits, labels: target }, {}) as tf.Scalar;
    },
  };
}

class Killed extends Error {}

/** The same task, dead when it comes to a step: as it asks for batches, or within a micro-batch. */
function killedAt<B>(task: TrainingTask<B>, step: number, at: 'batches' | number): TrainingTask<B> {
  let current = -1;
  let micro = 0;
  return {
    ...task,
    batches(asked) {
      if (asked === step && at === 'batches') throw new Killed();
      current = asked;
      micro = 0;
      return task.batches(asked);
    },
    loss(...args) {
      if (current === step && micro++ === at) throw new Killed();
      return task.loss(...args);
    },
  };
}

/** Dies once a step is logged and, where due, saved. */
function killedAfter(step: number): Progress {
  return {
    start: () => ({
      update(done) {
        if (done === step + 1) throw new Killed();
      },
      stop() {},
    }),
    note() {},
  };
}

describeBackends('a training run that is killed', (backend) => {
  const KILLS = Array.from({ length: STEPS }, (_, step) => step).flatMap((step) =>
    (['batches', 0, 1, 'after'] as const).map((at) => ({ step, at })),
  );

  async function uninterrupted(): Promise<Record<string, string>> {
    const path = temporary();
    const task = classifierTask();
    await train(task, OPTIONS, openRun(path, backend), silent);
    task.weights.dispose();
    return contents(path);
  }

  it('ends with the same bytes wherever it was killed', async () => {
    const expected = await uninterrupted();
    expect(Object.keys(expected)).toEqual([
      'checkpoints/step-000004/optimizer.safetensors',
      'checkpoints/step-000004/parameters.safetensors',
      'checkpoints/step-000004/state.json',
      'checkpoints/step-000005/optimizer.safetensors',
      'checkpoints/step-000005/parameters.safetensors',
      'checkpoints/step-000005/state.json',
      'config.yaml',
      'environment.json',
      'metrics.jsonl',
    ]);
    for (const { step, at } of KILLS) {
      const path = temporary();
      const first = classifierTask();
      const [task, progress] =
        at === 'after' ? [first, killedAfter(step)] : [killedAt(first, step, at), silent];
      await expect(train(task, OPTIONS, openRun(path, backend), progress)).rejects.toThrow(Killed);
      first.weights.dispose();
      const second = classifierTask();
      await train(second, OPTIONS, openRun(path, backend), silent);
      expect(contents(path), `killed at step ${step}, ${at}`).toEqual(expected);
      second.weights.dispose();
    }
  });

  it('ends with the same bytes when it is killed at every step', async () => {
    const expected = await uninterrupted();
    const path = temporary();
    // each attempt comes one step further than the one before, or to the last save
    for (let step = 0; step < STEPS; step++) {
      const task = classifierTask();
      await expect(
        train(killedAt(task, step, step % MICRO_BATCHES), OPTIONS, openRun(path, backend), silent),
      ).rejects.toThrow(Killed);
      task.weights.dispose();
    }
    const task = classifierTask();
    await train(task, OPTIONS, openRun(path, backend), silent);
    expect(contents(path)).toEqual(expected);
    task.weights.dispose();
  });

  it('drops a half-written line and a half-written checkpoint', async () => {
    const expected = await uninterrupted();
    const path = temporary();
    const task = classifierTask();
    await expect(
      train(killedAt(task, 3, 'batches'), OPTIONS, openRun(path, backend), silent),
    ).rejects.toThrow(Killed);
    task.weights.dispose();
    appendFileSync(join(path, 'metrics.jsonl'), '{"step":4,"loss":0.12');
    mkdirSync(join(path, 'checkpoints', 'step-000004.tmp'));
    writeFileSync(join(path, 'checkpoints', 'step-000004.tmp', 'parameters.safetensors'), 'half');
    expect(openRun(path, backend).metrics()).toHaveLength(3);
    const second = classifierTask();
    await train(second, OPTIONS, openRun(path, backend), silent);
    expect(contents(path)).toEqual(expected);
    second.weights.dispose();
  });

  it('does nothing more once it has ended', async () => {
    const path = temporary();
    const task = classifierTask();
    await train(task, OPTIONS, openRun(path, backend), silent);
    const ended = contents(path);
    await train(killedAt(task, 0, 'batches'), OPTIONS, openRun(path, backend), silent);
    expect(contents(path)).toEqual(ended);
    task.weights.dispose();
  });

  it('leaves nothing on the device', async () => {
    const before = tf.memory().numTensors;
    const task = classifierTask();
    await train(task, OPTIONS, openRun(temporary(), backend), silent);
    task.weights.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('fine-tuning an adapter with dropout and recomputation ends with the same bytes', async () => {
    const dialogues = Array.from({ length: 5 }, (_, i) => ({
      id: `d${i}`,
      prompt: Array.from({ length: 3 + i }, (_, t) => 5 + ((7 * i + t) % 60)),
      response: Array.from({ length: 2 + (i % 3) }, (_, t) => 9 + ((5 * i + t) % 60)),
    }));
    const start = () => {
      const model = loadGemma('test/fixtures/models/gemma-b', { quantization: 'nf4' });
      const lora = { rank: 4, alpha: 8, dropout: 0.2, targetModules: ['q_proj', 'down_proj'], rslora: false };
      model.adapter = new LoraAdapter(lora);
      model.adapter.initialise(model.linearLayers(), OPTIONS.seed);
      const settings = { epochs: 2, batchSize: 2, accumulation: 2, seed: OPTIONS.seed, recompute: true };
      return { model, task: sftTask(model, model.adapter.weights, dialogues, settings) };
    };
    const straight = start();
    const expected = temporary();
    await train(straight.task, OPTIONS, openRun(expected, backend), silent);
    straight.model.dispose();
    const path = temporary();
    for (const kill of [1, 3]) {
      const { task, model } = start();
      await expect(train(killedAt(task, kill, 0), OPTIONS, openRun(path, backend), silent)).rejects.toThrow(
        Killed,
      );
      model.dispose();
    }
    const { task, model } = start();
    await train(task, OPTIONS, openRun(path, backend), silent);
    model.dispose();
    expect(contents(path)).toEqual(contents(expected));
    const metrics = openRun(path, backend).metrics();
    expect(metrics.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  });
});

describeBackends('a training run that diverges', (backend) => {
  async function failure(task: TrainingTask<Rows>, path: string): Promise<TruecastError> {
    const error = await train(task, OPTIONS, openRun(path, backend), silent).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(TruecastError);
    return error as TruecastError;
  }

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'stops at a loss of %d, names the batch and keeps the last checkpoint',
    async (bad) => {
      const path = temporary();
      const plain = classifierTask();
      const error = await failure(
        {
          ...plain,
          loss(batch, key, report) {
            const loss = plain.loss(batch, key, report);
            return batch.ids.includes('row-3-1-0') ? (tf.mul(loss, bad) as tf.Scalar) : loss;
          },
        },
        path,
      );
      expect(error.message).toBe(
        'the loss is not a number at step 4, in the batch of row-3-1-0, row-3-1-1, row-3-1-2',
      );
      expect(error.remedy).toContain(join(path, 'checkpoints', 'step-000002'));
      expect(readdirSync(join(path, 'checkpoints'))).toEqual(['step-000002']);
      expect(openRun(path, backend).metrics()).toHaveLength(3);
      plain.weights.dispose();
      // the rows repaired, the run goes on from there
      const repaired = classifierTask();
      await train(repaired, OPTIONS, openRun(path, backend), silent);
      expect(existsSync(join(path, 'checkpoints', 'step-000005'))).toBe(true);
      repaired.weights.dispose();
    },
  );

  it('stops at a gradient that is no number where the loss is one, and names all the batches of the step', async () => {
    const path = temporary();
    const plain = classifierTask();
    const before = tf.memory().numTensors;
    const error = await failure(
      {
        ...plain,
        loss(batch, key, report) {
          const loss = plain.loss(batch, key, report);
          if (!batch.ids.includes('row-0-1-0')) return loss;
          // √ has an infinite slope at 0
          const root = tf.sum(tf.sqrt(tf.mul(plain.weights.get('dense.weight'), 0)));
          return tf.add(loss, root) as tf.Scalar;
        },
      },
      path,
    );
    expect(error.message).toBe(
      'the gradient is not a number at step 1, in the batch of row-0-0-0, row-0-0-1, row-0-0-2; row-0-1-0, row-0-1-1, row-0-1-2',
    );
    expect(error.remedy).not.toContain('checkpoint');
    expect(openRun(path, backend).metrics()).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);
    plain.weights.dispose();
  });
});

describeBackends("a run's folder", (backend) => {
  function refusal(path: string, config: unknown, environment = backend as string): string {
    try {
      openRun(path, environment, config);
    } catch (error) {
      expect(error).toBeInstanceOf(TruecastError);
      return (error as TruecastError).message;
    }
    throw new Error('expected a refusal');
  }

  it('refuses another configuration and names the keys that differ', () => {
    const path = temporary();
    const config = { name: 'a', training: { learningRate: 1e-3, epochs: 2 }, targets: ['q', 'v'], old: true };
    openRun(path, backend, config);
    openRun(path, backend, { old: true, targets: config.targets, name: 'a', training: config.training });
    const { old: _old, ...rest } = config;
    const other = { ...rest, training: { ...config.training, epochs: 3 }, targets: ['q'], extra: null };
    expect(refusal(path, other)).toBe(
      [
        `${path} holds a run of another configuration:`,
        '  training.epochs: 2 there, 3 now',
        '  targets: ["q","v"] there, ["q"] now',
        '  old: true there, absent now',
        '  extra: absent there, null now',
      ].join('\n'),
    );
  });

  it('refuses another backend and a folder that is no run', () => {
    const path = temporary();
    openRun(path, backend);
    expect(refusal(path, OPTIONS, 'another')).toContain(`was begun on the backend ${backend}`);
    const foreign = temporary();
    writeFileSync(join(foreign, 'thesis.tex'), '');
    expect(refusal(foreign, OPTIONS)).toContain("is no run's folder");
  });

  it('begins again where it was killed before its configuration was written', () => {
    const path = temporary();
    writeFileSync(join(path, 'environment.json'), '{}\n');
    writeFileSync(join(path, 'config.yaml.1234abcd.tmp'), 'half');
    openRun(path, backend);
    expect(refusal(path, OPTIONS, 'another')).toContain(backend);
  });

  it('keeps the last two checkpoints', () => {
    const run = openRun(temporary(), backend);
    for (const step of [5, 10, 15]) {
      run.saveCheckpoint(step, (folder) => writeFileSync(join(folder, 'x'), String(step)));
    }
    expect(readdirSync(run.file('checkpoints')).sort()).toEqual(['step-000010', 'step-000015']);
    expect(run.lastCheckpoint()).toBe(run.file('checkpoints', 'step-000015'));
    // one that fails leaves the others alone
    expect(() =>
      run.saveCheckpoint(20, () => {
        throw new Killed();
      }),
    ).toThrow(Killed);
    expect(run.lastCheckpoint()).toBe(run.file('checkpoints', 'step-000015'));
  });
});
