import * as tf from '../backends/tf.js';
import type { Weights } from '../models/weights.js';
import { runUntaped } from '../ops/op.js';
import { ops } from '../ops/table.js';

export interface AdamwOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled; not applied to biases and norms' weights. */
  weightDecay: number;
}

/** AdamW over named parameters. Owns the moments; replaces the parameters in their store. */
export class Adamw {
  private readonly m = new Map<string, tf.Tensor>();
  private readonly v = new Map<string, tf.Tensor>();
  /** Steps taken. */
  step = 0;

  constructor(
    private readonly weights: Weights,
    readonly names: readonly string[],
    private readonly options: AdamwOptions,
  ) {
    for (const name of names) {
      this.m.set(name, tf.keep(tf.zerosLike(weights.get(name))));
      this.v.set(name, tf.keep(tf.zerosLike(weights.get(name))));
    }
  }

  /** One step with gradients in the order of `names`. */
  apply(gradients: readonly tf.Tensor[], learningRate: number): void {
    this.step++;
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const stepSize = learningRate / (1 - beta1 ** this.step);
    const correction = 1 / Math.sqrt(1 - beta2 ** this.step);
    const decayed = tf.tensor1d([stepSize, correction, 1 - learningRate * weightDecay]);
    const undecayed = tf.tensor1d([stepSize, correction, 1]);
    this.names.forEach((name, i) => {
      const [parameter, m, v] = runUntaped(
        ops.adamw,
        {
          parameter: this.weights.get(name),
          gradient: gradients[i]!,
          m: this.m.get(name)!,
          v: this.v.get(name)!,
          step: isDecayed(name) ? decayed : undecayed,
        },
        { beta1, beta2, epsilon },
      );
      this.weights.set(name, parameter);
      replace(this.m, name, m);
      replace(this.v, name, v);
    });
    tf.dispose([decayed, undecayed]);
  }

  /** The moments, for a checkpoint: `m.<name>` and `v.<name>`. */
  state(): [string, tf.Tensor][] {
    return this.names.flatMap((name): [string, tf.Tensor][] => [
      [`m.${name}`, this.m.get(name)!],
      [`v.${name}`, this.v.get(name)!],
    ]);
  }

  restore(step: number, read: (key: string, shape: number[]) => tf.Tensor): void {
    this.step = step;
    for (const name of this.names) {
      const { shape } = this.weights.get(name);
      replace(this.m, name, read(`m.${name}`, shape));
      replace(this.v, name, read(`v.${name}`, shape));
    }
  }

  dispose(): void {
    for (const tensor of [...this.m.values(), ...this.v.values()]) tensor.dispose();
    this.m.clear();
    this.v.clear();
  }
}

function isDecayed(name: string): boolean {
  return !/(\.bias|norm\.weight)$/i.test(name);
}

function replace(map: Map<string, tf.Tensor>, name: string, tensor: tf.Tensor): void {
  map.get(name)?.dispose();
  map.set(name, tf.keep(tensor));
}

/**
 * Scales gradients down to a global norm, as torch.nn.utils.clip_grad_norm_ does: by min(1, max / (norm + 1e-6)).
 * Returns the norm before clipping, and the scaled gradients; disposes the given ones.
 */
export function clipByGlobalNorm(
  gradients: tf.Tensor[],
  maxNorm: number,
): { norm: number; clipped: tf.Tensor[] } {
  const result = tf.tidy(() => {
    const norm = tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))));
    const scale = tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6)));
    return { norm, clipped: gradients.map((gradient) => tf.mul(gradient, scale)) };
  });
  const norm = result.norm.dataSync()[0]!;
  tf.dispose([result.norm, gradients]);
  return { norm, clipped: result.clipped };
}
