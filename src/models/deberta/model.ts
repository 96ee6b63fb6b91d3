import * as tf from '../../backends/tf.js';
import { run } from '../../ops/op.js';
import { ops } from '../../ops/table.js';
import { activate } from '../activations.js';
import { labelCount } from '../config.js';
import {
  addAndNorm,
  attentionDropout,
  dropout,
  type EncodedBatch,
  embed,
  type ForwardMode,
  feedForward,
  firstToken,
  layerNorm,
  linear,
  runLayer,
  type SequenceClassifier,
  segmentsOf,
  tokenTypes,
} from '../encoder.js';
import { Weights } from '../weights.js';
import { type DebertaConfig, relativeSpan } from './config.js';
import { relativeRows } from './positions.js';

/** DebertaV2ForSequenceClassification of transformers: DeBERTa v2 and v3. */
export class DebertaV2ForSequenceClassification implements SequenceClassifier {
  readonly weights = new Weights();

  constructor(readonly config: DebertaConfig) {}

  get labels(): number {
    return labelCount(this.config);
  }

  get maxLength(): number {
    return this.config.max_position_embeddings;
  }

  get vocabularySize(): number {
    return this.config.vocab_size;
  }

  expectedTensors(): Map<string, number[]> {
    const c = this.config;
    const D = c.hidden_size;
    const E = c.embedding_size ?? D;
    const tensors = new Map<string, number[]>();
    const matrix = (name: string, out: number, inputs: number) =>
      tensors.set(`${name}.weight`, [out, inputs]);
    const dense = (name: string, out: number, inputs: number) =>
      matrix(name, out, inputs).set(`${name}.bias`, [out]);
    const norm = (name: string) => tensors.set(`${name}.weight`, [D]).set(`${name}.bias`, [D]);

    const embeddings = 'deberta.embeddings';
    matrix(`${embeddings}.word_embeddings`, c.vocab_size, E);
    if (c.position_biased_input) matrix(`${embeddings}.position_embeddings`, c.max_position_embeddings, E);
    if (c.type_vocab_size > 0) matrix(`${embeddings}.token_type_embeddings`, c.type_vocab_size, E);
    if (E !== D) matrix(`${embeddings}.embed_proj`, D, E);
    norm(`${embeddings}.LayerNorm`);
    if (c.relative_attention) {
      matrix('deberta.encoder.rel_embeddings', 2 * relativeSpan(c), D);
    }
    // there, though unused, without relative attention too
    if (c.norm_rel_ebd.includes('layer_norm')) norm('deberta.encoder.LayerNorm');
    if (c.conv_kernel_size > 0) {
      tensors.set('deberta.encoder.conv.conv.weight', [D, D / c.conv_groups, c.conv_kernel_size]);
      tensors.set('deberta.encoder.conv.conv.bias', [D]);
      norm('deberta.encoder.conv.LayerNorm');
    }
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const layer = `deberta.encoder.layer.${i}`;
      for (const part of ['query_proj', 'key_proj', 'value_proj'])
        dense(`${layer}.attention.self.${part}`, D, D);
      if (c.relative_attention && !c.share_att_key) {
        if (c.pos_att_type.includes('c2p')) dense(`${layer}.attention.self.pos_key_proj`, D, D);
        if (c.pos_att_type.includes('p2c')) dense(`${layer}.attention.self.pos_query_proj`, D, D);
      }
      dense(`${layer}.attention.output.dense`, D, D);
      norm(`${layer}.attention.output.LayerNorm`);
      dense(`${layer}.intermediate.dense`, c.intermediate_size, D);
      dense(`${layer}.output.dense`, D, c.intermediate_size);
      norm(`${layer}.output.LayerNorm`);
    }
    dense('pooler.dense', D, D);
    dense('classifier', this.labels, D);
    return tensors;
  }

  logits(batch: EncodedBatch, mode: ForwardMode = {}): tf.Tensor2D {
    const c = this.config;
    const pooledInput = dropout(firstToken(this.hiddenStates(batch, mode)), c.pooler_dropout, mode, 'pooler');
    const pooled = activate(linear(this.weights, 'pooler.dense', pooledInput), c.pooler_hidden_act);
    const dropped = dropout(pooled, c.cls_dropout ?? c.hidden_dropout_prob, mode, 'classifier');
    return linear(this.weights, 'classifier', dropped) as tf.Tensor2D;
  }

  /** The last layer's hidden states [B, T, D]. */
  hiddenStates(batch: EncodedBatch, mode: ForwardMode = {}): tf.Tensor {
    const { config: c, weights } = this;
    const [B, T] = batch.inputIds.shape;
    const tokenMask = batch.attentionMask.reshape([B, T, 1]);
    const segments = segmentsOf(batch);
    const embedded = this.embeddings(batch, tokenMask, mode);

    const relative = c.relative_attention ? this.relativeEmbeddings(T) : undefined;
    let hidden = embedded;
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const layer = `deberta.encoder.layer.${i}`;
      const inputs = [hidden, segments, ...(relative ? [relative.embeddings, relative.byDistance] : [])];
      hidden = runLayer((...xs) => this.layer(layer, xs, mode), inputs, weights, `${layer}.`, mode);
      if (i === 0 && c.conv_kernel_size > 0) hidden = this.convolve(embedded, hidden, tokenMask, mode);
    }
    return hidden;
  }

  private embeddings(batch: EncodedBatch, tokenMask: tf.Tensor, mode: ForwardMode): tf.Tensor {
    const { config: c, weights } = this;
    const name = 'deberta.embeddings';
    const [, T] = batch.inputIds.shape;
    let x = embed(weights.get(`${name}.word_embeddings.weight`), batch.inputIds);
    if (c.position_biased_input) {
      x = tf.add(x, weights.get(`${name}.position_embeddings.weight`).slice([0, 0], [T, -1]).expandDims(0));
    }
    if (c.type_vocab_size > 0) {
      x = tf.add(x, embed(weights.get(`${name}.token_type_embeddings.weight`), tokenTypes(batch, c)));
    }
    if (weights.has(`${name}.embed_proj.weight`)) x = linear(weights, `${name}.embed_proj`, x);
    const normed = tf.mul(layerNorm(weights, `${name}.LayerNorm`, x, c.layer_norm_eps), tokenMask);
    return dropout(normed, c.hidden_dropout_prob, mode, 'embeddings');
  }

  /** The relative embeddings that T positions use, and which one each distance reads. */
  private relativeEmbeddings(T: number) {
    const { config: c, weights } = this;
    const { firstRow, rows, byDistance } = relativeRows(T, c);
    const all = weights.get('deberta.encoder.rel_embeddings.weight');
    const used = all.slice([firstRow, 0], [rows, -1]);
    const normed = c.norm_rel_ebd.includes('layer_norm')
      ? layerNorm(weights, 'deberta.encoder.LayerNorm', used, c.layer_norm_eps)
      : used;
    return { embeddings: normed, byDistance: tf.tensor1d(byDistance, 'int32') };
  }

  private layer(name: string, inputs: tf.Tensor[], mode: ForwardMode): tf.Tensor {
    const { config: c, weights } = this;
    const [hidden, segments, relative, byDistance] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor?, tf.Tensor?];
    const [B, T, D] = hidden.shape as [number, number, number];
    const H = c.num_attention_heads;
    const self = `${name}.attention.self`;
    const heads = (part: string) => linear(weights, `${self}.${part}`, hidden).reshape([B, T, H, D / H]);
    const embeddings = relative && dropout(relative, c.hidden_dropout_prob, mode, name, 'relative');
    const relativeHeads = (shared: string, own: string) =>
      linear(weights, `${self}.${c.share_att_key ? shared : own}`, embeddings!).reshape([-1, H, D / H]);
    // as configured, even where there is no relative attention
    const terms = 1 + new Set(c.pos_att_type).size;
    const hasC2p = relative !== undefined && c.pos_att_type.includes('c2p');
    const hasP2c = relative !== undefined && c.pos_att_type.includes('p2c');
    const context = run(
      ops.disentangledAttention,
      {
        q: heads('query_proj'),
        k: heads('key_proj'),
        v: heads('value_proj'),
        segments,
        relativeKeys: hasC2p ? relativeHeads('key_proj', 'pos_key_proj') : undefined,
        relativeQueries: hasP2c ? relativeHeads('query_proj', 'pos_query_proj') : undefined,
        c2p: hasC2p ? byDistance : undefined,
        p2c: hasP2c ? byDistance : undefined,
      },
      {
        scale: 1 / Math.sqrt((D / H) * terms),
        ...attentionDropout(c.attention_probs_dropout_prob, mode, name),
      },
    );
    const joined = context.reshape([B, T, D]);
    const projected = linear(weights, `${name}.attention.output.dense`, joined);
    const settings = feedForwardConfig(c);
    const norm = `${name}.attention.output.LayerNorm`;
    const attended = addAndNorm(weights, norm, projected, hidden, settings, mode, name, 'attention');
    return feedForward(weights, name, attended, settings, mode);
  }

  /** DeBERTa v2's convolution over the embeddings, added to the first layer's output. */
  private convolve(
    input: tf.Tensor,
    residual: tf.Tensor,
    tokenMask: tf.Tensor,
    mode: ForwardMode,
  ): tf.Tensor {
    const { config: c, weights } = this;
    const name = 'deberta.encoder.conv';
    const [B, T, D] = input.shape as [number, number, number];
    const width = c.conv_kernel_size;
    const side = Math.floor((width - 1) / 2);
    const padded = tf.pad(input, [
      [0, 0],
      [side, width - 1 - side],
      [0, 0],
    ]);
    // per group: [B · T, width · D / groups] by its part of the kernel [D, D / groups, width]
    const groups = c.conv_groups;
    const columns = width * (D / groups);
    const windows = tf
      .stack(
        Array.from({ length: width }, (_, offset) => padded.slice([0, offset, 0], [B, T, D])),
        2,
      )
      .reshape([B * T, width, groups, D / groups])
      .transpose([2, 0, 1, 3])
      .reshape([groups, B * T, columns]);
    const kernel = weights
      .get(`${name}.conv.weight`)
      .transpose([0, 2, 1])
      .reshape([groups, D / groups, columns]);
    const product = tf.matMul(windows, kernel, false, true).transpose([1, 0, 2]).reshape([B, T, D]);
    const masked = tf.mul(tf.add(product, weights.get(`${name}.conv.bias`)), tokenMask);
    const activated = activate(dropout(masked, c.hidden_dropout_prob, mode, 'conv'), c.conv_act);
    const unmoved = { layerNormEps: c.layer_norm_eps, hiddenDropout: 0 };
    const normed = addAndNorm(weights, `${name}.LayerNorm`, activated, residual, unmoved, mode);
    return tf.mul(normed, tokenMask);
  }
}

function feedForwardConfig(c: DebertaConfig) {
  return { hiddenAct: c.hidden_act, layerNormEps: c.layer_norm_eps, hiddenDropout: c.hidden_dropout_prob };
}
