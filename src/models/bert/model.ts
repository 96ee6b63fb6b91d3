import { z } from 'zod';
import * as tf from '../../backends/tf.js';
import { run } from '../../ops/op.js';
import { ops } from '../../ops/table.js';
import { encoderFields, labelCount, parseModelConfig, sizeSchema } from '../config.js';
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

const schema = z
  .object({
    ...encoderFields,
    type_vocab_size: sizeSchema.default(2),
    position_embedding_type: z
      .literal('absolute', 'relative_key and relative_key_query are not supported: only absolute')
      .default('absolute'),
    is_decoder: z
      .literal(false, 'a decoder sees no later tokens: only encoders are supported')
      .default(false),
  })
  .refine((c) => c.hidden_size % c.num_attention_heads === 0, {
    path: ['hidden_size'],
    message: 'must be a multiple of num_attention_heads',
  });

export type BertConfig = z.infer<typeof schema>;

export function parseBertConfig(raw: unknown, where = 'config.json'): BertConfig {
  return parseModelConfig(schema, raw, where);
}

/** BERT counts positions from 0; RoBERTa and XLM-RoBERTa from padding_idx + 1, with another head. */
export type BertFamily = 'bert' | 'roberta';

/** BertForSequenceClassification, RobertaForSequenceClassification, XLMRobertaForSequenceClassification. */
export class BertForSequenceClassification implements SequenceClassifier {
  readonly weights = new Weights();

  constructor(
    readonly config: BertConfig,
    readonly family: BertFamily,
  ) {}

  get labels(): number {
    return labelCount(this.config);
  }

  get maxLength(): number {
    return this.config.max_position_embeddings - (this.family === 'roberta' ? this.paddingIndex + 1 : 0);
  }

  get vocabularySize(): number {
    return this.config.vocab_size;
  }

  private get paddingIndex(): number {
    return this.config.pad_token_id ?? 1;
  }

  expectedTensors(): Map<string, number[]> {
    const c = this.config;
    const D = c.hidden_size;
    const tensors = new Map<string, number[]>();
    const dense = (name: string, out: number, inputs: number) =>
      tensors.set(`${name}.weight`, [out, inputs]).set(`${name}.bias`, [out]);
    const norm = (name: string) => tensors.set(`${name}.weight`, [D]).set(`${name}.bias`, [D]);

    const embeddings = `${this.family}.embeddings`;
    tensors.set(`${embeddings}.word_embeddings.weight`, [c.vocab_size, D]);
    tensors.set(`${embeddings}.position_embeddings.weight`, [c.max_position_embeddings, D]);
    tensors.set(`${embeddings}.token_type_embeddings.weight`, [c.type_vocab_size, D]);
    norm(`${embeddings}.LayerNorm`);
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const layer = `${this.family}.encoder.layer.${i}`;
      for (const part of ['query', 'key', 'value']) dense(`${layer}.attention.self.${part}`, D, D);
      dense(`${layer}.attention.output.dense`, D, D);
      norm(`${layer}.attention.output.LayerNorm`);
      dense(`${layer}.intermediate.dense`, c.intermediate_size, D);
      dense(`${layer}.output.dense`, D, c.intermediate_size);
      norm(`${layer}.output.LayerNorm`);
    }
    if (this.family === 'bert') {
      dense('bert.pooler.dense', D, D);
      dense('classifier', this.labels, D);
    } else {
      dense('classifier.dense', D, D);
      dense('classifier.out_proj', this.labels, D);
    }
    return tensors;
  }

  logits(batch: EncodedBatch, mode: ForwardMode = {}): tf.Tensor2D {
    const rate = this.config.classifier_dropout ?? this.config.hidden_dropout_prob;
    const first = firstToken(this.hiddenStates(batch, mode));
    if (this.family === 'bert') {
      const pooled = tf.tanh(linear(this.weights, 'bert.pooler.dense', first));
      return linear(this.weights, 'classifier', dropout(pooled, rate, mode, 'classifier')) as tf.Tensor2D;
    }
    const inner = tf.tanh(
      linear(this.weights, 'classifier.dense', dropout(first, rate, mode, 'classifier', 0)),
    );
    return linear(
      this.weights,
      'classifier.out_proj',
      dropout(inner, rate, mode, 'classifier', 1),
    ) as tf.Tensor2D;
  }

  /** The last layer's hidden states [B, T, D]. */
  hiddenStates(batch: EncodedBatch, mode: ForwardMode = {}): tf.Tensor {
    const { config: c, weights } = this;
    const segments = segmentsOf(batch);
    let hidden = this.embeddings(batch, mode);
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const layer = `${this.family}.encoder.layer.${i}`;
      hidden = runLayer(
        (x, s) => this.layer(layer, x!, s!, mode),
        [hidden, segments],
        weights,
        `${layer}.`,
        mode,
      );
    }
    return hidden;
  }

  private embeddings(batch: EncodedBatch, mode: ForwardMode): tf.Tensor {
    const { config: c, weights } = this;
    const name = `${this.family}.embeddings`;
    const summed = tf.addN([
      embed(weights.get(`${name}.word_embeddings.weight`), batch.inputIds),
      embed(weights.get(`${name}.position_embeddings.weight`), this.positions(batch)),
      embed(weights.get(`${name}.token_type_embeddings.weight`), tokenTypes(batch, c)),
    ]);
    const normed = layerNorm(weights, `${name}.LayerNorm`, summed, c.layer_norm_eps);
    return dropout(normed, c.hidden_dropout_prob, mode, 'embeddings');
  }

  private positions(batch: EncodedBatch): tf.Tensor {
    const [B, T] = batch.inputIds.shape;
    if (this.family === 'bert') return tf.tile(tf.range(0, T, 1, 'int32').expandDims(0), [B, 1]);
    const counted = tf.mul(tf.cumsum(batch.attentionMask, 1), batch.attentionMask);
    return tf.cast(tf.add(counted, this.paddingIndex), 'int32');
  }

  private layer(name: string, hidden: tf.Tensor, segments: tf.Tensor, mode: ForwardMode): tf.Tensor {
    const { config: c, weights } = this;
    const [B, T, D] = hidden.shape as [number, number, number];
    const H = c.num_attention_heads;
    const heads = (part: string) =>
      linear(weights, `${name}.attention.self.${part}`, hidden).reshape([B, T, H, D / H]);
    const context = run(
      ops.attention,
      { q: heads('query'), k: heads('key'), v: heads('value'), segments },
      {
        scale: 1 / Math.sqrt(D / H),
        ...attentionDropout(c.attention_probs_dropout_prob, mode, name),
      },
    );
    const joined = context.reshape([B, T, D]);
    const projected = linear(weights, `${name}.attention.output.dense`, joined);
    const settings = {
      hiddenAct: c.hidden_act,
      layerNormEps: c.layer_norm_eps,
      hiddenDropout: c.hidden_dropout_prob,
    };
    const norm = `${name}.attention.output.LayerNorm`;
    const attended = addAndNorm(weights, norm, projected, hidden, settings, mode, name, 'attention');
    return feedForward(weights, name, attended, settings, mode);
  }
}
