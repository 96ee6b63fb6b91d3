import { join } from 'node:path';
import { z } from 'zod';
import * as tf from '../backends/tf.js';
import { run } from '../ops/op.js';
import { ops } from '../ops/table.js';
import { TruecastError } from '../support/errors.js';
import { readJson, writeFileAtomic } from '../support/files.js';
import { randomKey, uniformAt } from '../support/random.js';
import { parseModelConfig } from './config.js';
import { dropout, type ForwardMode } from './encoder.js';
import { SafetensorsFile } from './formats/safetensors.js';
import { saveTensors, Weights } from './weights.js';

/** Low-rank adapters (Hu et al. 2021), configured, named and stored as PEFT does. */
export interface LoraConfig {
  rank: number;
  alpha: number;
  dropout: number;
  /** Last parts of the adapted layers' names: q_proj, … */
  targetModules: string[];
  /** Scale by alpha / √rank instead of alpha / rank (Kalajdzievski 2023). */
  rslora: boolean;
}

const PREFIX = 'base_model.model.';

export class LoraAdapter {
  /** `<layer>.lora_A.weight` [r, in] and `<layer>.lora_B.weight` [out, r], as in PEFT's file. */
  readonly weights = new Weights();
  enabled = true;

  constructor(readonly config: LoraConfig) {}

  get scale(): number {
    return this.config.alpha / (this.config.rslora ? Math.sqrt(this.config.rank) : this.config.rank);
  }

  targets(layer: string): boolean {
    return this.config.targetModules.includes(layer.slice(layer.lastIndexOf('.') + 1));
  }

  /** What the adapter adds to the output of `layer` for the rows `x` [N, in]; nothing where it is not adapted. */
  delta(layer: string, x: tf.Tensor, mode: ForwardMode): tf.Tensor | undefined {
    if (!this.enabled || !this.targets(layer)) return undefined;
    const a = this.weights.get(`${PREFIX}${layer}.lora_A.weight`);
    const b = this.weights.get(`${PREFIX}${layer}.lora_B.weight`);
    return run(
      ops.lora,
      { x: dropout(x, this.config.dropout, mode, layer, 'lora'), a, b },
      { scale: this.scale },
    );
  }

  /** The adapter's tensors that the layers under `prefix` read. */
  tensorsUnder(prefix: string): tf.Tensor[] {
    return this.weights.under(PREFIX + prefix).map((name) => this.weights.get(name));
  }

  /**
   * Fresh tensors for the layers given as name → [out, in]: A uniform in ±1/√in (PyTorch's Kaiming with
   * a = √5, as PEFT initialises), B zero, so that the adapter starts by changing nothing.
   */
  initialise(layers: ReadonlyMap<string, readonly number[]>, seed: number): void {
    const adapted = [...layers].filter(([name]) => this.targets(name));
    const missing = this.config.targetModules.filter(
      (m) => !adapted.some(([name]) => name.endsWith(`.${m}`)),
    );
    if (missing.length > 0) {
      throw new TruecastError(
        `the model has no layers named ${missing.join(', ')}`,
        'correct lora.targetModules',
      );
    }
    for (const [name, shape] of adapted) {
      const [out, inputs] = shape as [number, number];
      const { rank } = this.config;
      const key = randomKey(seed, 'lora', name);
      const bound = 1 / Math.sqrt(inputs);
      const a = Float32Array.from({ length: rank * inputs }, (_, i) => (2 * uniformAt(key, i) - 1) * bound);
      this.weights.set(`${PREFIX}${name}.lora_A.weight`, tf.tensor2d(a, [rank, inputs]));
      this.weights.set(`${PREFIX}${name}.lora_B.weight`, tf.zeros([out, rank]));
    }
  }

  /** Writes adapter_config.json and adapter_model.safetensors into `folder`, which PEFT loads. */
  save(folder: string, base: { nameOrPath: string; task: 'CAUSAL_LM' }): void {
    const { rank, alpha, dropout: rate, targetModules, rslora } = this.config;
    const config = {
      peft_type: 'LORA',
      task_type: base.task,
      base_model_name_or_path: base.nameOrPath,
      r: rank,
      lora_alpha: alpha,
      lora_dropout: rate,
      target_modules: [...targetModules].sort(),
      use_rslora: rslora,
      bias: 'none',
      fan_in_fan_out: false,
      inference_mode: true,
      init_lora_weights: true,
      modules_to_save: null,
      rank_pattern: {},
      alpha_pattern: {},
      use_dora: false,
    };
    saveTensors(
      join(folder, 'adapter_model.safetensors'),
      this.weights.names().map((name) => [name, this.weights.get(name)]),
    );
    writeFileAtomic(join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
  }

  dispose(): void {
    this.weights.dispose();
  }
}

const adapterConfigSchema = z.object({
  peft_type: z.literal('LORA'),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([z.array(z.string()), z.string().transform((name) => [name])]),
  use_rslora: z.boolean().default(false),
  use_dora: z.literal(false, 'DoRA adapters are not supported').default(false),
  bias: z.literal('none', 'adapters with biases are not supported').default('none'),
  modules_to_save: z.null('adapters with modules_to_save are not supported').optional(),
  rank_pattern: z.record(z.string(), z.never('rank_pattern is not supported')).default({}),
  alpha_pattern: z.record(z.string(), z.never('alpha_pattern is not supported')).default({}),
});

/** Loads a PEFT folder for the layers of a base model, name → [out, in]; every misfit in one error. */
export function loadAdapter(folder: string, layers: ReadonlyMap<string, readonly number[]>): LoraAdapter {
  const path = join(folder, 'adapter_config.json');
  const raw = parseModelConfig(adapterConfigSchema, readJson(path, 'adapter configuration'), path);
  const adapter = new LoraAdapter({
    rank: raw.r,
    alpha: raw.lora_alpha,
    dropout: raw.lora_dropout,
    targetModules: raw.target_modules.map((name) => name.slice(name.lastIndexOf('.') + 1)),
    rslora: raw.use_rslora,
  });
  const file = SafetensorsFile.open(join(folder, 'adapter_model.safetensors'));
  try {
    const expected = new Map<string, number[]>();
    for (const [name, [out, inputs]] of layers as ReadonlyMap<string, [number, number]>) {
      if (!adapter.targets(name)) continue;
      expected.set(`${PREFIX}${name}.lora_A.weight`, [raw.r, inputs]);
      expected.set(`${PREFIX}${name}.lora_B.weight`, [out, raw.r]);
    }
    const problems = [...expected].flatMap(([name, shape]) => {
      const info = file.tensors.get(name);
      if (!info) return [`missing: ${name} [${shape}]`];
      return info.shape.join() === shape.join()
        ? []
        : [`${name} is [${info.shape}], the base model wants [${shape}]`];
    });
    for (const name of file.tensors.keys()) if (!expected.has(name)) problems.push(`unexpected: ${name}`);
    if (problems.length > 0) {
      throw new TruecastError(
        `${file.path} does not fit the base model:\n  ${problems.join('\n  ')}`,
        'name the base model that it was trained on',
      );
    }
    for (const [name, shape] of expected) adapter.weights.set(name, tf.tensor(file.floats(name), shape));
    return adapter;
  } finally {
    file.close();
  }
}
