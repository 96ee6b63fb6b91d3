import * as tf from '../../src/backends/tf.js';
import { Discriminator } from '../../src/discriminators/discriminator.js';
import { type DiscriminatorTask, defaultFormat, TASK_LABELS } from '../../src/discriminators/format.js';
import type { EncodedBatch, SequenceClassifier } from '../../src/models/encoder.js';
import { Weights } from '../../src/models/weights.js';
import { tokenizerOf, wordPieceJson } from './tokenizers.js';

/** A classifier whose logits follow from a text's tokens by plain arithmetic, and that remembers its batches. */
export class CountingClassifier implements SequenceClassifier {
  readonly weights = new Weights();
  readonly vocabularySize = 100;
  /** The shapes of the batches so far. */
  readonly batches: [rows: number, length: number][] = [];

  constructor(
    readonly labels: number,
    readonly maxLength = 64,
  ) {}

  expectedTensors(): Map<string, number[]> {
    return new Map();
  }

  get rows(): number {
    return this.batches.reduce((sum, [rows]) => sum + rows, 0);
  }

  logits({ inputIds, attentionMask, tokenTypeIds }: EncodedBatch): tf.Tensor2D {
    const [B, T] = inputIds.shape;
    this.batches.push([B, T]);
    const [ids, mask, types] = [inputIds.dataSync(), attentionMask.dataSync(), tokenTypeIds.dataSync()];
    const values = Array.from({ length: B }, (_, row) => {
      const inputs = Array.from({ length: T }, (_, i) => i)
        .filter((i) => mask[row * T + i] === 1)
        .map((i) => [ids[row * T + i]!, types[row * T + i]!] as const);
      return logitsOf(inputs, this.labels);
    });
    return tf.tensor2d(values, [B, this.labels]);
  }
}

/** Of the tokens of one text, with their types, padding left out. */
export function logitsOf(tokens: readonly (readonly [id: number, type: number])[], labels: number): number[] {
  return Array.from({ length: labels }, (_, label) =>
    tokens.reduce((sum, [id, type], i) => sum + Math.sin(id * (label + 1) + i + 3 * type), 0),
  );
}

/** A discriminator on that classifier. */
export function countingDiscriminator(
  task: DiscriminatorTask,
  maxLength = 64,
): { discriminator: Discriminator; model: CountingClassifier } {
  const model = new CountingClassifier(TASK_LABELS[task].length, maxLength);
  const tokenizer = tokenizerOf(wordPieceJson());
  return {
    model,
    discriminator: new Discriminator(model, tokenizer, defaultFormat(task, maxLength), 'test'),
  };
}
