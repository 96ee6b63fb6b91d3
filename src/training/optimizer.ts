import type * as tf from '../backends/tf.js';
import type { TensorSource } from '../models/formats/safetensorsWriter.js';
import type { Weights } from '../models/weights.js';
import { runUntaped } from '../ops/op.js';
import { ops } from '../ops/table.js';
import { type MomentFile, Moments } from './moments.js';

export const OPTIMIZERS = ['adamw', 'adamw8bit'] as const;

export interface AdamwOptions {
  /** With adamw8bit the moments take a byte each; adamw where not given. */
  optimizer?: (typeof OPTIMIZERS)[number];
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled; not applied to biases and norms' weights. */
  weightDecay: number;
}

/** Smaller tensors keep float moments, as in bitsandbytes: they save nothing and are the sensitive ones. */
const SMALLEST_8BIT = 4096;

/** AdamW over named parameters. Owns the moments; replaces the parameters in their store, or changes them. */
export class Adamw {
  private readonly moments: readonly Moments[];
  /** Steps taken. */
  step = 0;

  constructor(
    weights: Weights,
    readonly names: readonly string[],
    private readonly options: AdamwOptions,
  ) {
    const inBytes = (name: string) =>
      options.optimizer === 'adamw8bit' && weights.get(name).size >= SMALLEST_8BIT;
    this.moments = [
      new Moments(
        'float',
        weights,
        names.filter((name) => !inBytes(name)),
      ),
      new Moments('bytes', weights, names.filter(inBytes)),
    ];
  }

  /** One step with gradients in the order of `names`, which are multiplied by `clip` (`clipFactor`). */
  apply(gradients: readonly tf.Tensor[], learningRate: number, clip = 1): void {
    this.step++;
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const stepSize = learningRate / (1 - beta1 ** this.step);
    const correction = 1 / Math.sqrt(1 - beta2 ** this.step);
    const numbersOf = (name: string) => {
      const decay = isDecayed(name) ? 1 - learningRate * weightDecay : 1;
      return [stepSize, correction, decay, clip];
    };
    const byName = new Map(this.names.map((name, i) => [name, gradients[i]!]));
    for (const moments of this.moments) {
      moments.apply(
        moments.names.map((name) => byName.get(name)!),
        moments.names.map(numbersOf),
        { beta1, beta2, epsilon },
      );
    }
  }

  /** The moments, for a checkpoint. */
  state(): [string, TensorSource][] {
    return this.moments.flatMap((moments) => moments.state());
  }

  restore(step: number, file: MomentFile): void {
    this.step = step;
    for (const moments of this.moments) moments.restore(file);
  }

  dispose(): void {
    for (const moments of this.moments) moments.dispose();
  }
}

function isDecayed(name: string): boolean {
  return !/(\.bias|norm\.weight)$/i.test(name);
}

/** √Σ of the squares of all gradients. */
export function globalNorm(gradients: readonly tf.Tensor[]): number {
  const norm = runUntaped(ops.globalNorm, { tensors: gradients }, {});
  const value = norm.dataSync()[0]!;
  norm.dispose();
  return value;
}

/** What brings gradients down to a global norm of `maxNorm`, as torch.nn.utils.clip_grad_norm_ does. */
export function clipFactor(norm: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (norm + 1e-6));
}
