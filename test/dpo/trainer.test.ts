import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import type { DpoLossName } from '../../src/dpo/losses.js';
import type { TokenizedPair } from '../../src/dpo/pairs.js';
import { type ReferenceLogProbs, referenceLogProbs } from '../../src/dpo/reference.js';
import { dpoTask } from '../../src/dpo/task.js';
import { loadGemma } from '../../src/models/decoders.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import type { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { silent } from '../../src/support/progress.js';
import { train } from '../../src/training/loop.js';
import { RunFolder } from '../../src/training/runFolder.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { temporaryFolders } from '../helpers/temporary.js';

interface RecordedRun {
  settings: {
    loss_type: [DpoLossName];
    beta: number;
    label_smoothing: number;
    max_steps: number;
    per_device_train_batch_size: number;
    gradient_accumulation_steps: number;
    learning_rate: number;
    adam_beta1: number;
    adam_beta2: number;
    adam_epsilon: number;
    weight_decay: number;
    max_grad_norm: number;
    seed: number;
  };
  logs: Record<string, number>[];
}

const TOLERANCE = 1e-5;
/** Adam's first steps divide a gradient by its own size: one near ε = 1e-6 amplifies its last bits. */
const WEIGHT_TOLERANCE = 3e-5;
const RUNS = ['sigmoid', 'ipo', 'accumulated'];
const BASE = 'test/fixtures/models/gemma-b';
const folder = (name: string) => join('test/fixtures/dpo-trainer', name);
const temporary = temporaryFolders();

function loadModel(name: string): GemmaForCausalLM {
  const model = loadGemma(BASE, { quantization: 'none' });
  model.adapter = loadAdapter(folder(name), model.linearLayers());
  return model;
}

function readRun(name: string): RecordedRun {
  return JSON.parse(readFileSync(join(folder(name), 'steps.json'), 'utf8')) as RecordedRun;
}

/** The pairs of a recorded batch, whose rows are all chosen ones and then all rejected ones. */
function recordedPairs(golden: SafetensorsFile, batch: number): TokenizedPair[] {
  const key = (name: string) => `batch.${batch}.${name}`;
  const [rows, T] = golden.info(key('input_ids')).shape as [number, number];
  const ids = golden.ints(key('input_ids'));
  const attention = golden.ints(key('attention_mask'));
  const completion = golden.ints(key('completion_mask'));
  const tokens = (row: number, part: 0 | 1) =>
    Array.from(ids.subarray(row * T, (row + 1) * T)).filter(
      (_, i) => attention[row * T + i] === 1 && completion[row * T + i] === part,
    );
  return Array.from({ length: rows / 2 }, (_, i) => ({
    id: `${batch}.${i}`,
    prompt: tokens(i, 0),
    chosen: tokens(i, 1),
    rejected: tokens(i + rows / 2, 1),
    gap: 0,
  }));
}

function recordedReference(golden: SafetensorsFile, batch: number): ReferenceLogProbs[] {
  const chosen = golden.floats(`batch.${batch}.ref_chosen_logps`);
  const rejected = golden.floats(`batch.${batch}.ref_rejected_logps`);
  return Array.from(chosen, (value, i) => ({ chosen: value, rejected: rejected[i]! }));
}

describeBackends('DPO training equals the runs of TRL', (backend) => {
  it.each(RUNS)('%s: loss, gradient norm, metrics and adapter after each step', async (name) => {
    const golden = SafetensorsFile.open(join(folder(name), 'golden.safetensors'));
    const { settings, logs } = readRun(name);
    const model = loadModel(name);
    const { weights } = model.adapter!;
    const accumulation = settings.gradient_accumulation_steps;
    const batches = Array.from({ length: settings.max_steps * accumulation }, (_, i) => ({
      pairs: recordedPairs(golden, i),
      reference: recordedReference(golden, i),
      share: 1 / accumulation,
    }));
    const task = dpoTask(
      model,
      batches.flatMap(({ pairs }) => pairs),
      batches.flatMap(({ reference }) => reference),
      {
        loss: settings.loss_type[0],
        beta: settings.beta,
        labelSmoothing: settings.label_smoothing,
        offsetScale: 1,
        epochs: 1,
        batchSize: settings.per_device_train_batch_size,
        accumulation,
        seed: settings.seed,
        recompute: true,
      },
    );
    expect(task.totalSteps).toBe(settings.max_steps);

    const expectAdapter = (step: number) => {
      for (const tensor of task.names) {
        const expected = golden.floats(`step.${step}.${tensor}`);
        expectClose(weights.get(tensor), expected, WEIGHT_TOLERANCE, `${tensor} after step ${step}`);
      }
    };
    const run = RunFolder.open(temporary(), settings, { truecast: '0', node: '0', tfjs: '0', backend });
    const recorded = {
      ...task,
      batches(step: number) {
        if (step > 0) expectAdapter(step);
        return batches.slice(step * accumulation, (step + 1) * accumulation);
      },
    };
    const options = {
      learningRate: settings.learning_rate,
      schedule: 'constant',
      warmupRatio: 0,
      beta1: settings.adam_beta1,
      beta2: settings.adam_beta2,
      epsilon: settings.adam_epsilon,
      weightDecay: settings.weight_decay,
      maxGradientNorm: settings.max_grad_norm,
      saveEvery: settings.max_steps,
      seed: settings.seed,
    } as const;
    await train(recorded, options, run, silent);
    expectAdapter(settings.max_steps);

    const rows = run.metrics();
    expect(rows).toHaveLength(settings.max_steps);
    rows.forEach(({ step, ...row }, i) => {
      expect(step).toBe(i + 1);
      for (const [metric, value] of Object.entries(row)) {
        // a metric that TRL doesn't log has no expected value, which fails
        expectClose([Number(value)], [logs[i]![metric]!], TOLERANCE, `${metric} of step ${step}`);
      }
      expect(Object.keys(row).sort()).toEqual([
        'grad_norm',
        'learning_rate',
        'logps/chosen',
        'logps/rejected',
        'loss',
        'rewards/accuracies',
        'rewards/chosen',
        'rewards/margins',
        'rewards/rejected',
      ]);
    });
    model.dispose();
    golden.close();
  });

  it("the reference's log-probabilities are those of the model without its adapter", async () => {
    const golden = SafetensorsFile.open(join(folder('sigmoid'), 'golden.safetensors'));
    const model = loadModel('sigmoid');
    const pairs = [0, 1, 2].flatMap((batch) => recordedPairs(golden, batch));
    const all = [0, 1, 2].flatMap((batch) => recordedReference(golden, batch));
    const before = tf.memory().numTensors;
    for (const given of [pairs, pairs.slice(0, 1), pairs.slice(1, 4)]) {
      const actual = await referenceLogProbs(model, given);
      const expected = all.slice(pairs.indexOf(given[0]!)).slice(0, given.length);
      expect(actual).toHaveLength(expected.length);
      expectClose(
        actual.flatMap(({ chosen, rejected }) => [chosen, rejected]),
        expected.flatMap(({ chosen, rejected }) => [chosen, rejected]),
        1e-6,
        `${given.length} at once`,
      );
    }
    expect(tf.memory().numTensors).toBe(before);
    expect(model.adapter!.enabled).toBe(true);
    model.adapter!.enabled = false;
    const begun = await referenceLogProbs(model, pairs.slice(0, 2), { adapterOn: true });
    expect(model.adapter!.enabled).toBe(false);
    // with the adapter on, those of the policy that training begins with
    const { logs } = readRun('sigmoid');
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    expectClose([mean(begun.map(({ chosen }) => chosen))], [logs[0]!['logps/chosen']!], TOLERANCE);
    expectClose([mean(begun.map(({ rejected }) => rejected))], [logs[0]!['logps/rejected']!], TOLERANCE);
    model.dispose();
    golden.close();
  });
});

describeBackends('batches of preference pairs', () => {
  const pair = (i: number): TokenizedPair => ({
    id: `p${i}`,
    prompt: [2],
    chosen: [3],
    rejected: [4],
    gap: 1,
  });
  const OPTIONS = {
    loss: 'sigmoid',
    beta: 0.1,
    labelSmoothing: 0,
    offsetScale: 1,
    epochs: 2,
    batchSize: 2,
    accumulation: 2,
    seed: 3,
    recompute: false,
  } as const;
  const reference = (n: number) => Array.from({ length: n }, (_, i) => ({ chosen: -i, rejected: -i - 0.5 }));

  it('each epoch takes every pair once, with its own reference, and a step counts its pairs alike', () => {
    const model = loadModel('sigmoid');
    const pairs = Array.from({ length: 7 }, (_, i) => pair(i));
    const task = dpoTask(model, pairs, reference(7), OPTIONS);
    expect(task.totalSteps).toBe(4);
    const epochs = [0, 1].map((epoch) => {
      const steps = [0, 1].map((step) => task.batches(2 * epoch + step));
      expect(steps.map((batches) => batches.map((batch) => batch.pairs.length))).toEqual([
        [2, 2],
        [2, 1],
      ]);
      expect(steps[0]!.map(({ share }) => share)).toEqual([1 / 2, 1 / 2]);
      expect(steps[1]!.map(({ share }) => share)).toEqual([2 / 3, 1 / 3]);
      for (const batch of steps.flat()) {
        expect(batch.reference).toEqual(batch.pairs.map(({ id }) => reference(7)[Number(id.slice(1))]));
        expect(task.describe(batch)).toBe(batch.pairs.map(({ id }) => id).join(', '));
      }
      return steps.flat().flatMap((batch) => batch.pairs.map(({ id }) => id));
    });
    for (const ids of epochs) expect([...ids].sort()).toEqual(pairs.map(({ id }) => id));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(task.batches(3)).toEqual(dpoTask(model, pairs, reference(7), OPTIONS).batches(3));
    model.dispose();
  });

  it('refuses no pairs, no adapter, and apc-offset without scores', () => {
    const model = loadModel('sigmoid');
    expect(() => dpoTask(model, [], [], OPTIONS)).toThrow('no preference pairs');
    const offset = { ...OPTIONS, loss: 'apc-offset' } as const;
    expect(() => dpoTask(model, [pair(0), { ...pair(1), gap: 0 }], reference(2), offset)).toThrow(
      'needs the scores of every pair',
    );
    expect(() => dpoTask(model, [{ ...pair(0), gap: Number.NaN }], reference(1), offset)).toThrow('scores');
    model.adapter!.dispose();
    model.adapter = undefined;
    expect(() => dpoTask(model, [pair(0)], reference(1), OPTIONS)).toThrow('has none');
    model.dispose();
  });
});
