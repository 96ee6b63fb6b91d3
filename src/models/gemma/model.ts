import * as tf from '../../backends/tf.js';
import { dequantizeNf4, type Nf4Tensors } from '../../ops/nf4.js';
import { run } from '../../ops/op.js';
import { recompute } from '../../ops/recompute.js';
import { ops } from '../../ops/table.js';
import { embed, type ForwardMode, HIDDEN } from '../encoder.js';
import type { BaseLinear, LoraAdapter } from '../lora/adapter.js';
import { Weights } from '../weights.js';
import { type GemmaConfig, ropeTheta } from './config.js';

/** Keys and values of the tokens seen so far, per layer: [B, G, S, d]. Owned by who generates. */
export type KeyValueCache = { k: tf.Tensor; v: tf.Tensor }[];

/** B sequences of T tokens. */
export interface CausalBatch {
  /** int32 [B, T] */
  inputIds: tf.Tensor2D;
  /** float32 [B, S]: 1 for tokens, 0 for padding (either side); S = T + the cache's length */
  attentionMask: tf.Tensor2D;
  /** int32 [B, T], each token's position */
  positions: tf.Tensor2D;
}

const PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const;

/** GemmaForCausalLM of transformers (Gemma 1 and 1.1), with 4-bit layers and an adapter where given. */
export class GemmaForCausalLM {
  /** Float weights by their names in transformers. */
  readonly weights = new Weights();
  /** Layers held in NF4, by name without `.weight`; they are frozen. */
  readonly quantized = new Map<string, Nf4Tensors>();
  adapter?: LoraAdapter;

  constructor(readonly config: GemmaConfig) {}

  get maxLength(): number {
    return this.config.max_position_embeddings;
  }

  /** The linear layers, which NF4 and adapters apply to: name → [out, in]. */
  linearLayers(): Map<string, [number, number]> {
    const c = this.config;
    const D = c.hidden_size;
    const layers = new Map<string, [number, number]>();
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const attention = `model.layers.${i}.self_attn`;
      const queries = c.num_attention_heads * c.head_dim;
      const keys = c.num_key_value_heads * c.head_dim;
      const outputs = { q_proj: queries, k_proj: keys, v_proj: keys, o_proj: D };
      for (const part of PROJECTIONS)
        layers.set(`${attention}.${part}`, [outputs[part], part === 'o_proj' ? queries : D]);
      const mlp = `model.layers.${i}.mlp`;
      layers.set(`${mlp}.gate_proj`, [c.intermediate_size, D]);
      layers.set(`${mlp}.up_proj`, [c.intermediate_size, D]);
      layers.set(`${mlp}.down_proj`, [D, c.intermediate_size]);
    }
    return layers;
  }

  /** Every tensor of the file, by its name, with its shape. */
  expectedTensors(): Map<string, number[]> {
    const c = this.config;
    const tensors = new Map<string, number[]>([['model.embed_tokens.weight', [c.vocab_size, c.hidden_size]]]);
    for (const [name, shape] of this.linearLayers()) tensors.set(`${name}.weight`, shape);
    for (let i = 0; i < c.num_hidden_layers; i++) {
      tensors.set(`model.layers.${i}.input_layernorm.weight`, [c.hidden_size]);
      tensors.set(`model.layers.${i}.post_attention_layernorm.weight`, [c.hidden_size]);
    }
    return tensors.set('model.norm.weight', [c.hidden_size]);
  }

  /**
   * Final hidden states [B, T, D], after the last norm. With a cache, the batch's tokens follow the
   * cached ones, and the cache's entries are replaced by longer ones.
   */
  hiddenStates(batch: CausalBatch, mode: ForwardMode = {}, cache?: KeyValueCache): tf.Tensor {
    const { config: c, weights } = this;
    const [B, T] = batch.inputIds.shape;
    const scale = Math.fround(Math.sqrt(c.hidden_size));
    let hidden: tf.Tensor = tf.mul(embed(weights.get('model.embed_tokens.weight'), batch.inputIds), scale);
    const [cos, sin] = rotations(batch.positions, c.head_dim, ropeTheta(c));
    const mask = causalMask(batch.attentionMask, B, T);
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const name = `model.layers.${i}`;
      const forward = (...[x, r, s, m]: tf.Tensor[]) =>
        this.layer(name, x!, r!, s!, m!, mode, cache?.[i], (entry) => {
          if (cache) cache[i] = entry;
        });
      const inputs = [hidden, cos, sin, mask];
      hidden = mode.recompute
        ? recompute(forward, inputs, this.layerParameters(`${name}.`))
        : forward(...inputs);
    }
    return this.norm('model.norm', hidden);
  }

  /** Logits of the next token for rows of hidden states: [N, D] → [N, V]. */
  logits(hidden: tf.Tensor): tf.Tensor2D {
    return tf.matMul(hidden as tf.Tensor2D, this.headWeight as tf.Tensor2D, false, true);
  }

  /** The head: the embeddings once more. */
  get headWeight(): tf.Tensor {
    return this.weights.get('model.embed_tokens.weight');
  }

  dispose(): void {
    this.weights.dispose();
    for (const parts of this.quantized.values()) for (const tensor of Object.values(parts)) tensor?.dispose();
    this.quantized.clear();
    this.adapter?.dispose();
  }

  private layerParameters(prefix: string): tf.Tensor[] {
    const floats = this.weights.under(prefix).map((name) => this.weights.get(name));
    return [...floats, ...(this.adapter?.enabled ? this.adapter.tensorsUnder(prefix) : [])];
  }

  private norm(name: string, x: tf.Tensor): tf.Tensor {
    return run(
      ops.rmsNorm,
      { x, weight: this.weights.get(`${name}.weight`) },
      { epsilon: this.config.rms_norm_eps, offset: 1 },
    );
  }

  /** A linear layer as it is without its adapter. */
  linear(name: string): BaseLinear {
    const packed = this.quantized.get(name);
    if (!packed) {
      const weight = this.weights.get(`${name}.weight`);
      return {
        project: (x) => tf.matMul(x, weight, false, true),
        weight: () => weight.clone() as tf.Tensor2D,
      };
    }
    const [outFeatures, inFeatures] = this.linearLayers().get(name)!;
    return {
      project: (x) => run(ops.linear4bit, { x, ...packed }, { outFeatures, inFeatures }),
      weight: () => dequantizeNf4(packed, outFeatures, inFeatures),
    };
  }

  /** A linear layer with its adapter: [N, in] → [N, out]. */
  private project(name: string, x: tf.Tensor, mode: ForwardMode): tf.Tensor {
    const base = this.linear(name);
    return this.adapter ? this.adapter.project(name, x, base, mode) : base.project(x);
  }

  private layer(
    name: string,
    hidden: tf.Tensor,
    cos: tf.Tensor,
    sin: tf.Tensor,
    mask: tf.Tensor,
    mode: ForwardMode,
    cached: KeyValueCache[number] | undefined,
    store: (entry: KeyValueCache[number]) => void,
  ): tf.Tensor {
    const { config: c } = this;
    const [B, T, D] = hidden.shape as [number, number, number];
    const normed = this.norm(`${name}.input_layernorm`, hidden).reshape([B * T, D]);
    const heads = (part: string, count: number) =>
      this.project(`${name}.self_attn.${part}`, normed, mode)
        .reshape([B, T, count, c.head_dim])
        .transpose([0, 2, 1, 3]);
    const q = run(ops.rope, { x: heads('q_proj', c.num_attention_heads), cos, sin }, {});
    let k = run(ops.rope, { x: heads('k_proj', c.num_key_value_heads), cos, sin }, {});
    let v: tf.Tensor = heads('v_proj', c.num_key_value_heads);
    if (cached) {
      k = tf.concat([cached.k, k], 2);
      v = tf.concat([cached.v, v], 2);
    }
    store({ k, v });
    const context = run(ops.attention, { q, k, v, mask }, { scale: 1 / Math.sqrt(c.head_dim) });
    const joined = context.transpose([0, 2, 1, 3]).reshape([B * T, c.num_attention_heads * c.head_dim]);
    const attended = tf.add(
      hidden,
      this.project(`${name}.self_attn.o_proj`, joined, mode).reshape([B, T, D]),
    );

    const rows = this.norm(`${name}.post_attention_layernorm`, attended).reshape([B * T, D]);
    const gate = this.project(`${name}.mlp.gate_proj`, rows, mode);
    const up = this.project(`${name}.mlp.up_proj`, rows, mode);
    const inner = run(
      ops.geglu,
      { gate, up },
      { approximate: c.hidden_activation === 'gelu' ? 'none' : 'tanh' },
    );
    return tf.add(attended, this.project(`${name}.mlp.down_proj`, inner, mode).reshape([B, T, D]));
  }
}

/** cos and sin [B, 1, T, d] of position · θ^(−2i/d), the d/2 frequencies twice. */
function rotations(positions: tf.Tensor2D, headDim: number, theta: number): [tf.Tensor, tf.Tensor] {
  const half = Float32Array.from({ length: headDim / 2 }, (_, i) => 1 / theta ** ((2 * i) / headDim));
  const [B, T] = positions.shape;
  const frequencies = tf.tensor(half, [1, 1, 1, headDim / 2]);
  const angles = tf.mul(tf.cast(positions, 'float32').reshape([B, 1, T, 1]), frequencies);
  const twice = tf.concat([angles, angles], 3);
  return [tf.cos(twice), tf.sin(twice)];
}

/** [B, 1, T, S], added to the scores: query i of the last T tokens sees keys up to its own place, no padding. */
function causalMask(attentionMask: tf.Tensor2D, B: number, T: number): tf.Tensor {
  const S = attentionMask.shape[1];
  const padding = tf.mul(tf.sub(1, attentionMask), HIDDEN).reshape([B, 1, 1, S]);
  if (T === 1) return padding;
  const future = new Float32Array(T * S);
  for (let i = 0; i < T; i++) future.fill(HIDDEN, i * S + (S - T) + i + 1, (i + 1) * S);
  return tf.maximum(tf.add(padding, tf.tensor(future, [1, 1, T, S])), HIDDEN);
}
