import { setImmediate } from 'node:timers/promises';
import * as tf from '../backends/tf.js';
import { SafetensorsFile } from '../models/formats/safetensors.js';
import { streamSafetensors } from '../models/formats/safetensorsWriter.js';
import { saveTensors, type Weights } from '../models/weights.js';
import { valueAndGradients } from '../ops/autodiff.js';
import { TruecastError } from '../support/errors.js';
import { readJson, writeFileAtomic } from '../support/files.js';
import type { Progress, ProgressBar } from '../support/progress.js';
import { randomKey } from '../support/random.js';
import { Adamw, type AdamwOptions, clipFactor, globalNorm } from './optimizer.js';
import type { RunFolder } from './runFolder.js';
import { type ScheduleName, scheduleMultiplier } from './schedule.js';

/** The numbers that configurations give under `training`. */
export interface TrainingOptions extends AdamwOptions {
  learningRate: number;
  schedule: ScheduleName;
  /** Share of the steps that the learning rate takes to rise. */
  warmupRatio: number;
  maxGradientNorm: number;
  /** Steps between checkpoints. */
  saveEvery: number;
  seed: number;
}

/** What is trained, and on what. */
export interface TrainingTask<B> {
  /** Holds the trained tensors. */
  weights: Weights;
  /** The trained tensors' names. */
  names: readonly string[];
  /** Optimiser steps of the whole run. */
  totalSteps: number;
  /** The micro-batches of a step (counted from 0), which together make one update. The same step gives the same. */
  batches(step: number): readonly B[];
  /** Names a batch in messages: its rows' ids. */
  describe(batch: B): string;
  /**
   * The loss of a micro-batch: a scalar, whose gradients are summed over the step's batches. `report` takes
   * scalars to log, summed likewise.
   */
  loss(batch: B, dropoutKey: number, report: (name: string, value: tf.Tensor) => void): tf.Scalar;
}

/**
 * Trains to the end, from the run's last checkpoint where it has one. A killed run that is started again
 * ends with the same bytes as one that was left alone: batches and dropout depend on the step alone.
 *
 * @throws TruecastError on a loss or gradient that is no number, naming the batch; checkpoints stay
 */
export async function train<B>(
  task: TrainingTask<B>,
  options: TrainingOptions,
  run: RunFolder,
  progress: Progress,
): Promise<void> {
  const optimizer = new Adamw(task.weights, task.names, options);
  let bar: ProgressBar | undefined;
  try {
    const begin = resume(task, optimizer, run);
    bar = progress.start('training', task.totalSteps, begin);
    const warmupSteps = Math.ceil(options.warmupRatio * task.totalSteps);
    for (let step = begin; step < task.totalSteps; step++) {
      const { gradients, metrics } = accumulate(task, step, options.seed, run);
      const norm = globalNorm(gradients);
      if (!Number.isFinite(norm)) {
        tf.dispose(gradients);
        throw notANumber('gradient', step, task.batches(step).map(task.describe), run);
      }
      const rate =
        options.learningRate * scheduleMultiplier(options.schedule, step, warmupSteps, task.totalSteps);
      optimizer.apply(gradients, rate, clipFactor(norm, options.maxGradientNorm));
      tf.dispose(gradients);
      run.logMetrics({ step: step + 1, ...metrics, grad_norm: norm, learning_rate: rate });
      if ((step + 1) % options.saveEvery === 0 || step + 1 === task.totalSteps) save(task, optimizer, run);
      bar.update(step + 1, { loss: metrics.loss!.toFixed(4) });
      await setImmediate();
    }
  } finally {
    bar?.stop();
    optimizer.dispose();
  }
}

function accumulate<B>(task: TrainingTask<B>, step: number, seed: number, run: RunFolder) {
  const parameters = task.names.map((name) => task.weights.get(name));
  const metrics: Record<string, number> = { loss: 0 };
  let sums: tf.Tensor[] | undefined;
  task.batches(step).forEach((batch, i) => {
    const reported = new Map<string, tf.Tensor>();
    const { value, gradients } = valueAndGradients(
      () =>
        task.loss(batch, randomKey(seed, 'dropout', step, i), (name, tensor) => {
          reported.set(name, tf.keep(tensor));
        }),
      parameters,
    );
    const loss = value.dataSync()[0]!;
    metrics.loss! += loss;
    for (const [name, tensor] of reported) metrics[name] = (metrics[name] ?? 0) + tensor.dataSync()[0]!;
    tf.dispose([value, ...reported.values()]);
    if (!Number.isFinite(loss)) {
      tf.dispose(gradients);
      if (sums) tf.dispose(sums);
      throw notANumber('loss', step, [task.describe(batch)], run);
    }
    sums = sums ? addAll(sums, gradients) : gradients;
  });
  return { gradients: sums!, metrics };
}

function addAll(sums: tf.Tensor[], gradients: tf.Tensor[]): tf.Tensor[] {
  const result = sums.map((sum, i) => tf.add(sum, gradients[i]!));
  tf.dispose([sums, gradients]);
  return result;
}

function notANumber(what: string, step: number, batches: string[], run: RunFolder): TruecastError {
  const last = run.lastCheckpoint();
  return new TruecastError(
    `the ${what} is not a number at step ${step + 1}, in the batch of ${batches.join('; ')}`,
    `lower the learning rate (in a run of another name), or look at these rows${last ? `; the last good checkpoint is ${last}` : ''}`,
  );
}

const PARAMETERS = 'parameters.safetensors';
const OPTIMIZER = 'optimizer.safetensors';
const STATE = 'state.json';

function save<B>(task: TrainingTask<B>, optimizer: Adamw, run: RunFolder): void {
  run.saveCheckpoint(optimizer.step, (folder) => {
    saveTensors(
      `${folder}/${PARAMETERS}`,
      task.names.map((name) => [name, task.weights.get(name)]),
    );
    streamSafetensors(
      `${folder}/${OPTIMIZER}`,
      optimizer.state().sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    writeFileAtomic(`${folder}/${STATE}`, `${JSON.stringify({ step: optimizer.step })}\n`);
  });
}

/** Restores the newest checkpoint; returns the number of steps that are done. */
function resume<B>(task: TrainingTask<B>, optimizer: Adamw, run: RunFolder): number {
  const folder = run.lastCheckpoint();
  const step = folder ? (readJson(`${folder}/${STATE}`, 'checkpoint state') as { step: number }).step : 0;
  run.rewindMetrics(step);
  if (!folder) return 0;
  const parameters = SafetensorsFile.open(`${folder}/${PARAMETERS}`);
  const moments = SafetensorsFile.open(`${folder}/${OPTIMIZER}`);
  for (const name of task.names) {
    task.weights.set(name, tf.tensor(parameters.floats(name), task.weights.get(name).shape));
  }
  optimizer.restore(step, moments);
  parameters.close();
  moments.close();
  return step;
}
