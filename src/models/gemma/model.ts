import * as tf from '../../backends/tf.js';
import { dequantizeNf4, type Nf4Tensors } from '../../ops/nf4.js';
import { run } from '../../ops/op.js';
import { recompute } from '../../ops/recompute.js';
import { softCap } from '../../ops/softCap.js';
import { ops } from '../../ops/table.js';
import { embed, type ForwardMode } from '../encoder.js';
import type { BaseLinear, LoraAdapter } from '../lora/adapter.js';
import { TEXT_MODEL } from '../lora/names.js';
import { Weights } from '../weights.js';
import type { GemmaConfig } from './config.js';
import { type AttentionTensors, attentionTensors, seenNext } from './positions.js';

/**
 * Keys and values of the tokens seen so far, per layer: [B, G, S, d], after rotation; of a layer with a window
 * only those that a token to come can see. Owned by who generates.
 */
export type KeyValueCache = { k: tf.Tensor; v: tf.Tensor }[];

/** B sequences of T tokens. */
export interface CausalBatch {
  /** int32 [B, T] */
  inputIds: tf.Tensor2D;
  /** float32 [B, S]: 1 for tokens, 0 for padding (either side); S = T + the tokens in the cache */
  attentionMask: tf.Tensor2D;
  /** int32 [B, T], each token's position */
  positions: tf.Tensor2D;
}

const PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const;

/** Gemma 1, 2 or 3 (text) as in transformers, with 4-bit layers and an adapter where given. */
export class GemmaForCausalLM {
  /** Float weights by their names in transformers. */
  readonly weights = new Weights();
  /** Layers held in NF4, by name without `.weight`; they are frozen. */
  readonly quantized = new Map<string, Nf4Tensors>();
  adapter?: LoraAdapter;

  /** @param prefix where its layers are in the class that transformers loads the same files into */
  constructor(
    readonly config: GemmaConfig,
    readonly prefix = TEXT_MODEL,
  ) {}

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
      const layer = `model.layers.${i}`;
      for (const norm of Object.values(c.norms)) tensors.set(`${layer}.${norm}.weight`, [c.hidden_size]);
      if (!c.queryKeyNorms) continue;
      for (const norm of ['q_norm', 'k_norm']) tensors.set(`${layer}.self_attn.${norm}.weight`, [c.head_dim]);
    }
    return tensors.set('model.norm.weight', [c.hidden_size]);
  }

  /**
   * Final hidden states [B, T, D], after the last norm. With a cache, the batch's tokens follow the
   * cached ones, and the cache's entries are replaced by longer ones.
   */
  hiddenStates(batch: CausalBatch, mode: ForwardMode = {}, cache?: KeyValueCache): tf.Tensor {
    const { config: c, weights } = this;
    const scale = Math.fround(Math.sqrt(c.hidden_size));
    let hidden: tf.Tensor = tf.mul(embed(weights.get('model.embed_tokens.weight'), batch.inputIds), scale);
    const shared = attentionTensors(c, batch);
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const { cos, sin, mask } = shared.get(c.layers[i]!)!;
      const forward = (...[x, r, s, m]: tf.Tensor[]) =>
        this.layer(i, x!, { cos: r!, sin: s!, mask: m! }, mode, cache);
      const inputs = [hidden, cos, sin, mask];
      hidden = mode.recompute
        ? recompute(forward, inputs, this.layerParameters(`model.layers.${i}.`))
        : forward(...inputs);
    }
    return this.norm('model.norm', hidden);
  }

  /** Logits of the next token for rows of hidden states: [N, D] → [N, V]. */
  logits(hidden: tf.Tensor): tf.Tensor2D {
    const logits: tf.Tensor = tf.matMul(hidden, this.headWeight, false, true);
    const { finalCap } = this.config;
    return (finalCap === undefined ? logits : softCap(logits, finalCap)) as tf.Tensor2D;
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
    i: number,
    hidden: tf.Tensor,
    shared: AttentionTensors,
    mode: ForwardMode,
    cache: KeyValueCache | undefined,
  ): tf.Tensor {
    const { norms } = this.config;
    const name = `model.layers.${i}`;
    const [B, T, D] = hidden.shape as [number, number, number];
    const add = (x: tf.Tensor, before: string, branch: (rows: tf.Tensor) => tf.Tensor, after?: string) => {
      const rows = branch(this.norm(`${name}.${before}`, x).reshape([B * T, D]));
      return tf.add(x, (after ? this.norm(`${name}.${after}`, rows) : rows).reshape([B, T, D]));
    };
    const attend = (rows: tf.Tensor) => this.attention(i, rows, B, shared, mode, cache);
    const attended = add(hidden, norms.beforeAttention, attend, norms.afterAttention);
    return add(attended, norms.beforeMlp, (rows) => this.mlp(`${name}.mlp`, rows, mode), norms.afterMlp);
  }

  /** The rows of B sequences, one after another, attending: [B · T, D] → [B · T, D]. */
  private attention(
    i: number,
    rows: tf.Tensor,
    B: number,
    { cos, sin, mask }: AttentionTensors,
    mode: ForwardMode,
    cache: KeyValueCache | undefined,
  ): tf.Tensor {
    const { config: c } = this;
    const name = `model.layers.${i}.self_attn`;
    const heads = (part: string, count: number) =>
      this.project(`${name}.${part}`, rows, mode).reshape([B, -1, count, c.head_dim]).transpose([0, 2, 1, 3]);
    const rotated = (x: tf.Tensor, norm: string) =>
      run(ops.rope, { x: c.queryKeyNorms ? this.norm(`${name}.${norm}`, x) : x, cos, sin }, {});
    const q = rotated(heads('q_proj', c.num_attention_heads), 'q_norm');
    let k = rotated(heads('k_proj', c.num_key_value_heads), 'k_norm');
    let v: tf.Tensor = heads('v_proj', c.num_key_value_heads);
    if (cache) {
      const past = cache[i];
      if (past) [k, v] = [tf.concat([past.k, k], 2), tf.concat([past.v, v], 2)];
      const { window } = c.layers[i]!;
      cache[i] = { k: seenNext(k, window), v: seenNext(v, window) };
    }
    const { attentionScale: scale, attentionCap: cap } = c;
    const context = run(ops.attention, { q, k, v, mask }, { scale, cap });
    const joined = context.transpose([0, 2, 1, 3]).reshape([-1, c.num_attention_heads * c.head_dim]);
    return this.project(`${name}.o_proj`, joined, mode);
  }

  private mlp(name: string, rows: tf.Tensor, mode: ForwardMode): tf.Tensor {
    const gate = this.project(`${name}.gate_proj`, rows, mode);
    const up = this.project(`${name}.up_proj`, rows, mode);
    const inner = run(ops.geglu, { gate, up }, { approximate: this.config.gelu });
    return this.project(`${name}.down_proj`, inner, mode);
  }
}
