import { setImmediate } from 'node:timers/promises';
import * as tf from '../backends/tf.js';
import { loadSequenceClassifier } from '../models/classifiers.js';
import type { SequenceClassifier } from '../models/encoder.js';
import { openModel } from '../models/files.js';
import type { TokenizedInput, Tokenizer } from '../models/tokenizer.js';
import { TruecastError } from '../support/errors.js';
import { type Progress, silent } from '../support/progress.js';
import { batchesByLength, encodeBatch } from './batches.js';
import {
  type DiscriminatorFormat,
  type DiscriminatorInput,
  type DiscriminatorTask,
  formatInput,
  loadFormat,
} from './format.js';

/** Tokens in one forward pass; larger batches gain nothing on a CPU. */
const TOKENS_PER_BATCH = 4096;

/** A fine-tuned encoder that tells relevance, or entailment, with the text format that it was trained on. */
export class Discriminator {
  /** Inputs that were longer than the format allows and were cut, since the last call of takeOverlong. */
  private overlong = 0;

  constructor(
    readonly model: SequenceClassifier,
    readonly tokenizer: Tokenizer,
    readonly format: DiscriminatorFormat,
    readonly folder: string,
  ) {}

  /**
   * @param repository owner/name of a published checkpoint, whose input format comes along (see loadFormat)
   * @throws TruecastError where the folder holds no discriminator for `task`
   */
  static load(folder: string, task: DiscriminatorTask, repository?: string): Discriminator {
    const format = loadFormat(folder, repository);
    if (format.task !== task) {
      throw new TruecastError(
        `${folder} is a ${format.task} discriminator, needed is ${task}`,
        'name the other folder',
      );
    }
    const tokenizer = openModel(folder).tokenizer();
    const { model } = loadSequenceClassifier(folder, 'required');
    const misfit = (what: string, remedy: string) => {
      model.weights.dispose();
      return new TruecastError(`${folder}: ${what}`, remedy);
    };
    if (model.labels !== format.labels.length) {
      throw misfit(
        `the head has ${model.labels} outputs, ${task} wants ${format.labels.length}`,
        'name a folder that was trained for this task',
      );
    }
    if (format.maxLength > model.maxLength) {
      throw misfit(
        `its format allows ${format.maxLength} tokens, the model takes ${model.maxLength}`,
        'lower maxLength in discriminator.json',
      );
    }
    if (tokenizer.vocabularySize > model.vocabularySize) {
      throw misfit(
        `its tokenizer has ${tokenizer.vocabularySize} tokens, the model ${model.vocabularySize}`,
        'use the tokenizer.json that belongs to the weights',
      );
    }
    return new Discriminator(model, tokenizer, format, folder);
  }

  /** An input's tokens, cut at the format's maxLength (counted, see takeOverlong). */
  tokenize(input: DiscriminatorInput, known?: Map<string, readonly number[]>): TokenizedInput {
    const [first, second] = formatInput(this.format, input);
    const tokens = this.tokenizer.encodeInput(first, second, known);
    const { maxLength } = this.format;
    if (tokens.ids.length <= maxLength) return tokens;
    this.overlong++;
    // the text loses its end, the closing token stays
    const cut = (list: number[]) => [...list.slice(0, maxLength - 1), list.at(-1)!];
    return { ids: cut(tokens.ids), typeIds: cut(tokens.typeIds) };
  }

  /** How many inputs were cut since the last call. */
  takeOverlong(): number {
    const count = this.overlong;
    this.overlong = 0;
    return count;
  }

  get paddingId(): number {
    return paddingId(this.tokenizer);
  }

  /**
   * Probabilities [N, labels], in the order of the inputs and on the device; the caller disposes them.
   * Each distinct input is computed once, and inputs run in batches of like lengths.
   */
  async probabilities(
    inputs: readonly DiscriminatorInput[],
    progress: Progress = silent,
    what = 'scoring',
  ): Promise<tf.Tensor2D> {
    if (inputs.length === 0) return tf.zeros([0, this.model.labels]) as tf.Tensor2D;
    const { distinct, place } = deduplicate(inputs);
    // a statement stands in as many pairs as there are responses
    const known = new Map<string, readonly number[]>();
    const tokens = distinct.map((input) => this.tokenize(input, known));
    const batches = batchesByLength(
      tokens.map(({ ids }) => ids.length),
      TOKENS_PER_BATCH,
    );
    const bar = progress.start(what, distinct.length);
    const parts: tf.Tensor2D[] = [];
    let done = 0;
    for (const batch of batches) {
      parts.push(
        tf.tidy(() => {
          const encoded = encodeBatch(
            batch.map((i) => tokens[i]!),
            this.paddingId,
            this.model.maxLength,
          );
          return tf.softmax(this.model.logits(encoded)) as tf.Tensor2D;
        }),
      );
      done += batch.length;
      bar.update(done);
      await setImmediate();
    }
    bar.stop();
    // where each distinct input's row came to stand
    const rowOf = new Int32Array(distinct.length);
    batches.flat().forEach((index, row) => {
      rowOf[index] = row;
    });
    return tf.tidy(() => {
      const rows = parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
      const order = tf.tensor1d(
        Int32Array.from(place, (index) => rowOf[index]!),
        'int32',
      );
      const result = tf.gather(rows, order) as tf.Tensor2D;
      tf.dispose(parts);
      return result;
    });
  }

  dispose(): void {
    this.model.weights.dispose();
  }
}

/** The padding token: by its usual names, else 0. */
export function paddingId(tokenizer: Tokenizer): number {
  for (const token of ['[PAD]', '<pad>']) if (tokenizer.hasControl(token)) return tokenizer.control(token);
  return 0;
}

function deduplicate(inputs: readonly DiscriminatorInput[]) {
  const distinct: DiscriminatorInput[] = [];
  const seen = new Map<string, number>();
  const place = inputs.map((input) => {
    const key = JSON.stringify([input.character, input.statement, input.query, input.response]);
    let index = seen.get(key);
    if (index === undefined) {
      index = distinct.push(input) - 1;
      seen.set(key, index);
    }
    return index;
  });
  return { distinct, place };
}
