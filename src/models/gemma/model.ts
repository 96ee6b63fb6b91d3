import * as tf from '../../backends/tf.js';
import { dequantizeNf4, type Nf4Tensors } from '../../ops/nf4.js';
import { run } from '../../ops/op.js';
import { recompute } from '../../ops/recompute.js';
import { softCap } from '../../ops/softCap.js';
import { ops } from '../../ops/table.js';
import type { ForwardMode } from '../encoder.js';
import type { BaseLinear, LoraAdapter } from '../lora/adapter.js';
import { TEXT_MODEL } from '../lora/names.js';
import { Weights } from '../weights.js';
import type { GemmaConfig } from './config.js';
import { type AttentionTensors, attentionTensors, effectiveWindow, seenNext } from './positions.js';
import { expectedTensors, linearLayers } from './tensors.js';

/**
 * Keys and values of the tokens seen so far, per layer: [B, S, G, d], after rotation; of a layer with a window
 * only those that a token to come can see. Owned by who generates.
 */
export type KeyValueCache = { k: tf.Tensor; v: tf.Tensor }[];

/** B rows of T tokens, which follow those in the cache: S in all. */
export interface CausalBatch {
  /** int32 [B, T] */
  inputIds: tf.Tensor2D;
  /**
   * int32 [B, S], of cached and new tokens, which sees which: −1 for padding (either side); else 3 · text + branch,
   * 0 where a row is one text. Texts of a row do not see each other; of one text, branch 0 is a beginning that the
   * branches 1 and 2 see, but not each other. Within that, tokens see those before them in the row.
   */
  segments: tf.Tensor2D;
  /** int32 [B, S], each token's position in its text: rotations and windows go by it */
  positions: tf.Tensor2D;
}

/** Gemma 1, 2 or 3 (text) as in transformers, with 4-bit layers and an adapter where given. */
export class GemmaForCausalLM {
  /** Float weights by their names in transformers. */
  readonly weights = new Weights();
  /** Layers held in NF4, by name without `.weight`; they are frozen. */
  readonly quantized = new Map<string, Nf4Tensors>();
  adapter?: LoraAdapter;

  private readonly shapes: ReadonlyMap<string, [number, number]>;

  /** @param prefix where its layers are in the class that transformers loads the same files into */
  constructor(
    readonly config: GemmaConfig,
    readonly prefix = TEXT_MODEL,
  ) {
    this.shapes = linearLayers(config);
  }

  get maxLength(): number {
    return this.config.max_position_embeddings;
  }

  /** The linear layers, which NF4 and adapters apply to: name → [out, in]. */
  linearLayers(): ReadonlyMap<string, [number, number]> {
    return this.shapes;
  }

  /** Every tensor of the file, by its name, with its shape. */
  expectedTensors(): Map<string, number[]> {
    return expectedTensors(this.config);
  }

  /**
   * Final hidden states [B, T, D], after the last norm. With a cache, the batch's tokens follow the
   * cached ones, and the cache's entries are replaced by longer ones.
   */
  hiddenStates(batch: CausalBatch, mode: ForwardMode = {}, cache?: KeyValueCache): tf.Tensor {
    const { config: c, weights } = this;
    const scale = Math.fround(Math.sqrt(c.hidden_size));
    const [B, T] = batch.inputIds.shape;
    const rows = tf.gather(weights.get('model.embed_tokens.weight'), batch.inputIds.reshape([B * T]));
    let hidden: tf.Tensor = tf.mul(rows, scale);
    const shared = attentionTensors(c, batch);
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const { cos, sin, segments, positions } = shared.get(c.layers[i]!)!;
      const forward = (...[x, r, s, g, p]: tf.Tensor[]) =>
        this.layer(i, x!, { cos: r!, sin: s!, segments: g!, positions: p! }, mode, cache);
      const inputs = [hidden, cos, sin, segments, positions];
      if (mode.recompute) hidden = recompute(forward, inputs, this.layerParameters(`model.layers.${i}.`));
      // what is not kept for the backward pass goes with the layer; the cache's entries stay
      else hidden = cache ? forward(...inputs) : tf.tidy(() => forward(...inputs));
    }
    return this.norm('model.norm', hidden).reshape([B, T, c.hidden_size]);
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

  private norm(name: string, x: tf.Tensor, residual?: tf.Tensor): tf.Tensor {
    return run(
      ops.rmsNorm,
      { x, weight: this.weights.get(`${name}.weight`), residual },
      { epsilon: this.config.rms_norm_eps, offset: 1 },
    );
  }

  /** A linear layer as it is without its adapter. */
  linear(name: string): BaseLinear {
    const [outFeatures, inFeatures] = this.shapes.get(name)!;
    const packed = this.quantized.get(name);
    const weight = packed ?? { weight: this.weights.get(`${name}.weight`) };
    return {
      project: (x, lowRank) =>
        run(
          ops.loraLinear,
          { x, ...weight, a: lowRank?.a, b: lowRank?.b },
          { outFeatures, inFeatures, scale: lowRank?.scale },
        ),
      weight: () =>
        packed
          ? dequantizeNf4(packed, outFeatures, inFeatures)
          : (this.weights.get(`${name}.weight`).clone() as tf.Tensor2D),
    };
  }

  /** A linear layer with its adapter: [N, in] → [N, out]. */
  private project(name: string, x: tf.Tensor, mode: ForwardMode): tf.Tensor {
    const base = this.linear(name);
    return this.adapter ? this.adapter.project(name, x, base, mode) : base.project(x);
  }

  /** A layer on the rows of B sequences, one after another: [B · T, D] → [B · T, D]. */
  private layer(
    i: number,
    hidden: tf.Tensor,
    shared: AttentionTensors,
    mode: ForwardMode,
    cache: KeyValueCache | undefined,
  ): tf.Tensor {
    const { norms } = this.config;
    const name = `model.layers.${i}`;
    const norm = (part: string, x: tf.Tensor) => this.norm(`${name}.${part}`, x);
    const added = (residual: tf.Tensor, x: tf.Tensor, after: string | undefined) =>
      after ? this.norm(`${name}.${after}`, x, residual) : tf.add(residual, x);
    const context = this.attention(i, norm(norms.beforeAttention, hidden), shared, mode, cache);
    const attended = added(hidden, context, norms.afterAttention);
    const inner = this.mlp(`${name}.mlp`, norm(norms.beforeMlp, attended), mode);
    return added(attended, inner, norms.afterMlp);
  }

  private attention(
    i: number,
    rows: tf.Tensor,
    { cos, sin, segments, positions }: AttentionTensors,
    mode: ForwardMode,
    cache: KeyValueCache | undefined,
  ): tf.Tensor {
    const { config: c } = this;
    const name = `model.layers.${i}.self_attn`;
    const [B, T] = cos.shape as [number, number, number];
    const heads = (part: string, count: number) =>
      this.project(`${name}.${part}`, rows, mode).reshape([B, T, count, c.head_dim]);
    const rotated = (x: tf.Tensor, norm: string) =>
      run(ops.rope, { x: c.queryKeyNorms ? this.norm(`${name}.${norm}`, x) : x, cos, sin }, {});
    const q = rotated(heads('q_proj', c.num_attention_heads), 'q_norm');
    let k = rotated(heads('k_proj', c.num_key_value_heads), 'k_norm');
    let v: tf.Tensor = heads('v_proj', c.num_key_value_heads);
    if (cache) {
      const past = cache[i];
      if (past) [k, v] = [tf.concat([past.k, k], 1), tf.concat([past.v, v], 1)];
      const { window } = c.layers[i]!;
      cache[i] = { k: seenNext(k, window), v: seenNext(v, window) };
    }
    const { attentionScale: scale, attentionCap: cap } = c;
    const window = effectiveWindow(c.layers[i]!, k.shape[1]!);
    const seen = window === undefined ? { segments } : { segments, positions };
    const context = run(ops.attention, { q, k, v, ...seen }, { scale, cap, causal: true, window });
    return this.project(`${name}.o_proj`, context.reshape([B * T, c.num_attention_heads * c.head_dim]), mode);
  }

  private mlp(name: string, rows: tf.Tensor, mode: ForwardMode): tf.Tensor {
    const gate = this.project(`${name}.gate_proj`, rows, mode);
    const up = this.project(`${name}.up_proj`, rows, mode);
    const inner = run(ops.geglu, { gate, up }, { approximate: this.config.gelu });
    return this.project(`${name}.down_proj`, inner, mode);
  }
}
