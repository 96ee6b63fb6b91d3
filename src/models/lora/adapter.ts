import { join } from 'node:path';
import * as tf from '../../backends/tf.js';
import { detached } from '../../ops/autodiff.js';
import { run } from '../../ops/op.js';
import { ops } from '../../ops/table.js';
import { TruecastError } from '../../support/errors.js';
import { writeFileAtomic } from '../../support/files.js';
import { randomKey, uniformAt } from '../../support/random.js';
import { dropout, type ForwardMode } from '../encoder.js';
import { saveTensors, Weights } from '../weights.js';
import type { AdaptedLayer, LoraConfig } from './config.js';
import { adapterTensors, spelledOut, TEXT_MODEL, underPrefix } from './names.js';
import { type AdapterBase, peftConfig } from './peftConfig.js';
import { adaptedLayers, CONFIG_KEYS, endsWithPart } from './targets.js';

/** A frozen linear layer, packed or not. */
export interface BaseLinear {
  /** x Wᵀ, [N, in] → [N, out], plus scale · (x aᵀ) bᵀ where there is a low-rank part. */
  project(x: tf.Tensor, lowRank?: { a: tf.Tensor; b: tf.Tensor; scale: number }): tf.Tensor;
  /** W [out, in] in float32, dequantised where it is packed; the caller's. */
  weight(): tf.Tensor2D;
}

export class LoraAdapter {
  /** By their names in PEFT's file. */
  readonly weights = new Weights();
  enabled = true;
  /** Σ W² over each row of the base's layers, [out], made when DoRA first asks for it. */
  private readonly rowSquares = new Weights();

  /**
   * @param layers the adapted ones, by name; `initialise` finds them where not given
   * @param prefix where the class of the base has its text model: what the files' names begin with
   */
  constructor(
    readonly config: LoraConfig,
    public layers: ReadonlyMap<string, AdaptedLayer> = new Map(),
    readonly prefix = TEXT_MODEL,
  ) {}

  /** A layer with its adapter, where it has one: [N, in] → [N, out]. */
  project(layer: string, x: tf.Tensor, base: BaseLinear, mode: ForwardMode): tf.Tensor {
    const adapted = this.enabled ? this.layers.get(layer) : undefined;
    if (!adapted) return base.project(x);
    const { scale } = adapted;
    const names = adapterTensors(layer);
    const a = this.weights.get(names.a);
    const b = this.weights.get(names.b);
    const dropped = dropout(x, this.config.dropout, mode, layer, 'lora');
    if (!this.config.dora && dropped === x) return base.project(x, { a, b, scale });
    const y = base.project(x);
    if (!this.config.dora) return tf.add(y, run(ops.lora, { x: dropped, a, b }, { scale }));
    const magnitude = this.weights.get(names.magnitude);
    const norm = detached(() => this.norms(layer, base, a, b, scale));
    const of = (from: tf.Tensor) =>
      run(ops.dora, { base: from, x: dropped, a, b, magnitude, norm }, { scale });
    if (dropped === x) return of(y);
    // what the adapter changes sees the dropped rows, the layer itself all of them
    const seen = base.project(dropped);
    return tf.add(y, tf.sub(of(seen), seen));
  }

  /** The adapter's tensors that the layers under `prefix` read. */
  tensorsUnder(prefix: string): tf.Tensor[] {
    return this.weights.under(`base_model.model.${prefix}`).map((name) => this.weights.get(name));
  }

  /**
   * Fresh tensors for the layers given as name → [out, in]: A uniform in ±1/√in (PyTorch's Kaiming with
   * a = √5, as PEFT initialises), B zero, so that the adapter starts by changing nothing; DoRA's magnitudes
   * the lengths of W's rows, for which it needs the layers themselves.
   */
  initialise(
    layers: ReadonlyMap<string, readonly number[]>,
    seed: number,
    linear?: (layer: string) => BaseLinear,
  ): void {
    this.layers = adaptedLayers(this.config, [...layers.keys()], CONFIG_KEYS);
    this.checkTargets();
    for (const [layer, { rank }] of this.layers) {
      const [out, inputs] = layers.get(layer) as [number, number];
      const names = adapterTensors(layer);
      const key = randomKey(seed, 'lora', layer);
      const bound = 1 / Math.sqrt(inputs);
      const a = Float32Array.from({ length: rank * inputs }, (_, i) => (2 * uniformAt(key, i) - 1) * bound);
      this.weights.set(names.a, tf.tensor2d(a, [rank, inputs]));
      this.weights.set(names.b, tf.zeros([out, rank]));
      if (!this.config.dora) continue;
      if (!linear) throw new Error('a fresh DoRA adapter needs the layers of its base');
      this.weights.set(
        names.magnitude,
        tf.tidy(() => tf.sqrt(this.squares(layer, linear(layer)))),
      );
    }
  }

  /** Writes adapter_config.json and adapter_model.safetensors into `folder`, which PEFT loads. */
  save(folder: string, base: AdapterBase): void {
    const stored = (name: string) => underPrefix(name, this.prefix);
    saveTensors(
      join(folder, 'adapter_model.safetensors'),
      this.weights.names().map((name) => [stored(name), this.weights.get(name)]),
    );
    // in a multimodal model the same names are layers of its vision model, too
    const config =
      this.prefix === TEXT_MODEL
        ? this.config
        : spelledOut(this.config, new Map([...this.layers].map(([name, layer]) => [stored(name), layer])));
    const json = `${JSON.stringify(peftConfig(config, base), null, 2)}\n`;
    writeFileAtomic(join(folder, 'adapter_config.json'), json);
  }

  dispose(): void {
    this.weights.dispose();
    this.rowSquares.dispose();
  }

  /**
   * Euclidean norms of the rows of W + scale · B A, [out], without making that matrix: of |w + s·B A|², row by
   * row, the terms are |w|², 2s·(W Aᵀ)·B and s²·(B A Aᵀ)·B, all of rank r but the first, which stays.
   */
  private norms(layer: string, base: BaseLinear, a: tf.Tensor, b: tf.Tensor, scale: number): tf.Tensor {
    const crossed = base.project(a).transpose();
    const squared = tf.matMul(b, tf.matMul(a, a, false, true));
    const low = tf.add(tf.mul(crossed, 2 * scale), tf.mul(squared, scale * scale));
    const sum = tf.add(this.squares(layer, base), tf.sum(tf.mul(low, b), 1));
    // rounding may leave a row that the adapter cancels below zero
    return tf.sqrt(tf.maximum(sum, 0));
  }

  private squares(layer: string, base: BaseLinear): tf.Tensor {
    if (!this.rowSquares.has(layer)) {
      this.rowSquares.set(
        layer,
        tf.tidy(() => tf.sum(tf.square(base.weight()), 1)),
      );
    }
    return this.rowSquares.get(layer);
  }

  private checkTargets(): void {
    const { targetModules } = this.config;
    const named = typeof targetModules === 'string' ? [] : targetModules;
    const names = [...this.layers.keys()];
    const missing = named.filter((target) => !names.some((name) => endsWithPart(name, [target])));
    if (missing.length === 0 && names.length > 0) return;
    const which = missing.length > 0 ? missing.join(', ') : String(targetModules);
    throw new TruecastError(`the model has no layers named ${which}`, 'correct lora.targetModules');
  }
}
