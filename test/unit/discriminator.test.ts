import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { batchesByLength, encodeBatch, PASS_TOKENS, paddedLength } from '../../src/discriminators/batches.js';
import { Discriminator } from '../../src/discriminators/discriminator.js';
import { evaluateDiscriminator, wilson } from '../../src/discriminators/evaluate.js';
import {
  type DiscriminatorInput,
  defaultFormat,
  formatInput,
  loadFormat,
  saveFormat,
} from '../../src/discriminators/format.js';
import { discriminatorTask } from '../../src/discriminators/train.js';
import { TruecastError } from '../../src/support/errors.js';
import { silent } from '../../src/support/progress.js';
import { integerAt, randomKey } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { countingDiscriminator, logitsOf } from '../helpers/classifier.js';
import { expectClose } from '../helpers/compare.js';
import { softmax } from '../helpers/float64.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { bpeJson, wordPieceJson } from '../helpers/tokenizers.js';

const temporary = temporaryFolders();

function inputs(n: number): DiscriminatorInput[] {
  return Array.from({ length: n }, (_, i) => ({
    character: 'ada',
    statement: 'the '.repeat(1 + (i % 5)).trim(),
    query: `is ${'abcdefgh'[i % 8]} ${'x '.repeat(i % 11)}?`,
  }));
}

/** What the counting classifier says of an input, in float64. */
function expectedProbabilities(discriminator: Discriminator, input: DiscriminatorInput): Float64Array {
  const { ids, typeIds } = discriminator.tokenize(input);
  return softmax(
    logitsOf(
      ids.map((id, i) => [id, typeIds[i]!] as const),
      discriminator.model.labels,
    ),
  );
}

describeBackends('Discriminator.probabilities', () => {
  it('are those of each input alone, in the order of the inputs', async () => {
    const { discriminator } = countingDiscriminator('relevance');
    const given = inputs(90);
    const before = tf.memory().numTensors;
    const probabilities = await discriminator.probabilities(given);
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(probabilities.shape).toEqual([90, 2]);
    const rows = (await probabilities.array()) as number[][];
    given.forEach((input, i) => {
      expectClose(rows[i]!, expectedProbabilities(discriminator, input), 1e-6, `input ${i}`);
    });
    probabilities.dispose();
  });

  it('compute each distinct input once', async () => {
    const { discriminator, model } = countingDiscriminator('nli');
    const one = { character: 'a', statement: 's', query: 'q', response: 'r' };
    const given = [
      one,
      { ...one, response: 'other' },
      { ...one },
      { ...one, id: 'a field that the text does not show' } as DiscriminatorInput,
      { ...one, statement: 't' },
      { ...one, response: 'other' },
      { ...one, character: 'b' },
    ];
    const rows = (await (await discriminator.probabilities(given)).array()) as number[][];
    expect(model.rows).toBe(4);
    expect(rows).toHaveLength(7);
    for (const i of [2, 3]) expect(rows[i]).toEqual(rows[0]);
    expect(rows[5]).toEqual(rows[1]);
    expect(rows[4]).not.toEqual(rows[0]);
  });

  it('are not confused by fields that run into each other', async () => {
    const { discriminator, model } = countingDiscriminator('relevance');
    await discriminator.probabilities([
      { character: 'a', statement: 'b c', query: 'd' },
      { character: 'a', statement: 'b', query: 'c d' },
      { character: 'a', statement: 'b","c', query: 'd' },
    ]);
    expect(model.rows).toBe(3);
  });

  it('run in batches of like lengths, none beyond 4096 tokens or the model’s length', async () => {
    const { discriminator, model } = countingDiscriminator('relevance', 61);
    const long = Array.from({ length: 200 }, (_, i) => ({
      character: '',
      statement: 'x '.repeat(i % 90),
      query: `${i}`,
    }));
    const probabilities = await discriminator.probabilities(long);
    expect(probabilities.shape).toEqual([200, 2]);
    expect(model.rows).toBe(200);
    expect(model.batches.length).toBeGreaterThan(1);
    for (const [rows, length] of model.batches) {
      expect(rows * length).toBeLessThanOrEqual(4096);
      expect(length).toBeLessThanOrEqual(61);
    }
    expect(model.batches[0]![1]).toBe(61);
  });

  it('of nothing are nothing', async () => {
    const { discriminator, model } = countingDiscriminator('nli');
    expect((await discriminator.probabilities([])).shape).toEqual([0, 3]);
    expect(model.batches).toEqual([]);
  });

  it('count the inputs that were cut, which keep their closing token', () => {
    const { discriminator } = countingDiscriminator('relevance', 12);
    const input = { character: '', statement: 'abc', query: 'x '.repeat(20) };
    const { ids, typeIds } = discriminator.tokenize(input);
    expect(ids).toHaveLength(12);
    expect(typeIds).toHaveLength(12);
    expect(ids[0]).toBe(2);
    expect(ids[11]).toBe(3);
    discriminator.tokenize({ ...input, query: 'x' });
    discriminator.tokenize(input);
    expect(discriminator.takeOverlong()).toBe(2);
    expect(discriminator.takeOverlong()).toBe(0);
  });
});

describeBackends('evaluateDiscriminator', () => {
  it('counts what is right, by class', async () => {
    const { discriminator } = countingDiscriminator('relevance');
    const rows = inputs(40).map((input, i) => ({ ...input, id: `${i}`, label: i % 4 === 0 ? 0 : 1 }));
    const predicted = rows.map((row) => {
      const [no, yes] = expectedProbabilities(discriminator, row);
      return yes! > no! ? 1 : 0;
    });
    const count = (label: number, prediction: number) =>
      rows.filter((row, i) => row.label === label && predicted[i] === prediction).length;
    const before = tf.memory().numTensors;
    const report = await evaluateDiscriminator(discriminator, rows, silent);
    expect(tf.memory().numTensors).toBe(before);
    const confusion = [0, 1].map((label) => [0, 1].map((prediction) => count(label, prediction)));
    expect(confusion.flat().every((entry) => entry > 0)).toBe(true);
    const right = confusion[0]![0]! + confusion[1]![1]!;
    expect(report).toEqual({
      rows: 40,
      accuracy: right / 40,
      interval: wilson(right, 40),
      majority: 30 / 40,
      confusion,
      precision: [0, 1].map((c) => confusion[c]![c]! / (confusion[0]![c]! + confusion[1]![c]!)),
      recall: [confusion[0]![0]! / 10, confusion[1]![1]! / 30],
    });
  });
});

describe('the Wilson interval', () => {
  it('ends where the distance to the share is 1.96 standard errors of the bound itself', () => {
    const z = 1.959963984540054;
    for (const [successes, n] of [
      [8, 10],
      [0, 10],
      [10, 10],
      [1, 1],
      [50, 100],
      [999, 1000],
    ] as const) {
      const share = successes / n;
      const [low, high] = wilson(successes, n);
      for (const bound of [low, high]) {
        expectClose(
          [(share - bound) ** 2],
          [(z * z * bound * (1 - bound)) / n],
          1e-15,
          `${successes} of ${n}`,
        );
      }
      expect(low).toBeLessThan(high);
      expect(share).toBeGreaterThanOrEqual(low - 1e-15);
      expect(share).toBeLessThanOrEqual(high + 1e-15);
    }
    expectClose(wilson(8, 10), [0.4902, 0.9433], 5e-5);
    expect(wilson(0, 0)).toEqual([0, 1]);
  });

  it('covers a proportion in 95 % of samples', () => {
    const [p, n, samples] = [0.3, 200, 4000];
    let covered = 0;
    for (let s = 0; s < samples; s++) {
      const key = randomKey('wilson', s);
      let successes = 0;
      for (let i = 0; i < n; i++) successes += integerAt(key, i, 10) < 10 * p ? 1 : 0;
      const [low, high] = wilson(successes, n);
      if (low <= p && p <= high) covered++;
    }
    expect(Math.abs(covered / samples - 0.95)).toBeLessThan(0.015);
  });
});

describe('batchesByLength', () => {
  const key = randomKey('lengths');

  it.each([
    [0, 64],
    [1, 64],
    [50, 64],
    [200, 1000],
    [30, 4],
  ])('%d inputs, at most %d tokens: each once, the longest first, no batch too large', (n, tokens) => {
    const lengths = Array.from({ length: n }, (_, i) => 1 + integerAt(key, i, 70));
    const batches = batchesByLength(lengths, tokens);
    expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
    let longest = Number.POSITIVE_INFINITY;
    for (const batch of batches) {
      expect(batch.length).toBeGreaterThan(0);
      const width = paddedLength(Math.max(...batch.map((i) => lengths[i]!)));
      // one input that is longer than all that is allowed is a batch of its own
      if (batch.length > 1) expect(batch.length * width).toBeLessThanOrEqual(tokens);
      for (const i of batch) {
        expect(lengths[i]).toBeLessThanOrEqual(longest);
        longest = lengths[i]!;
      }
    }
    // no two neighbours would fit into one that costs less, and none would cost less in two
    const cost = (batch: number[]) => batch.length * paddedLength(lengths[batch[0]!]!) + PASS_TOKENS;
    batches.forEach((batch, b) => {
      const both = [...batch, ...(batches[b + 1] ?? [])];
      if (both.length > batch.length && cost(both) - PASS_TOKENS <= tokens)
        expect(cost(both)).toBeGreaterThanOrEqual(cost(batch) + cost(batches[b + 1]!));
      for (let cut = 1; cut < batch.length; cut++)
        expect(cost(batch)).toBeLessThanOrEqual(cost(batch.slice(0, cut)) + cost(batch.slice(cut)));
    });
  });

  it('keeps the order of inputs of one length', () => {
    expect(batchesByLength([8, 8, 9, 8], 16)).toEqual([[2], [0, 1], [3]]);
  });
});

describeBackends('encodeBatch', () => {
  it('pads on the right to a multiple of 8, but not beyond the model', () => {
    const given = [
      { ids: [2, 5, 3, 6, 3], typeIds: [0, 0, 0, 1, 1] },
      { ids: [2, 3], typeIds: [0, 0] },
    ];
    const { inputIds, attentionMask, tokenTypeIds } = encodeBatch(given, 9, 64);
    expect(inputIds.arraySync()).toEqual([
      [2, 5, 3, 6, 3, 9, 9, 9],
      [2, 3, 9, 9, 9, 9, 9, 9],
    ]);
    expect(attentionMask.arraySync()).toEqual([
      [1, 1, 1, 1, 1, 0, 0, 0],
      [1, 1, 0, 0, 0, 0, 0, 0],
    ]);
    expect(tokenTypeIds.arraySync()).toEqual([
      [0, 0, 0, 1, 1, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0],
    ]);
    expect([inputIds.dtype, attentionMask.dtype, tokenTypeIds.dtype]).toEqual(['int32', 'float32', 'int32']);
    expect(encodeBatch(given, 9, 6).inputIds.shape).toEqual([2, 6]);
  });
});

describe('discriminatorTask', () => {
  const rows = inputs(37).map((input, i) => ({ ...input, id: `r${i}`, label: i % 2 }));
  const options = { epochs: 3, batchSize: 5, seed: 4, recompute: false };

  it('takes every row once an epoch, in another order each time, by the seed and step alone', () => {
    const { discriminator } = countingDiscriminator('relevance');
    const task = discriminatorTask(discriminator, rows, options);
    expect(task.totalSteps).toBe(24);
    const epochs = [0, 1, 2].map((epoch) =>
      Array.from({ length: 8 }, (_, step) => task.batches(8 * epoch + step)[0]!),
    );
    for (const batches of epochs) {
      expect(batches.flatMap(({ ids }) => ids).sort()).toEqual(rows.map(({ id }) => id).sort());
      for (const batch of batches) {
        expect(batch.ids.length).toBeLessThanOrEqual(5);
        batch.ids.forEach((id, i) => {
          const row = rows[Number(id.slice(1))]!;
          expect(batch.labels[i]).toBe(row.label);
          expect(batch.inputs[i]).toEqual(discriminator.tokenize(row));
        });
      }
    }
    const order = (batches: { ids: string[] }[]) => batches.map(({ ids }) => ids);
    expect(order(epochs[0]!)).not.toEqual(order(epochs[1]!));
    const again = discriminatorTask(discriminator, rows, options);
    expect(again.batches(17)).toEqual(task.batches(17));
    expect(discriminatorTask(discriminator, rows, { ...options, seed: 5 }).batches(17)).not.toEqual(
      task.batches(17),
    );
    expect(task.describe(epochs[0]![0]!)).toBe(epochs[0]![0]!.ids.join(', '));
    expect(() => discriminatorTask(discriminator, [], options)).toThrow('no training rows');
  });
});

describe('the input format', () => {
  const input = { character: 'Ada', statement: 'She {query}s.', query: 'who?', response: 'me $&' };

  it('puts the fields into the templates as they are', () => {
    expect(formatInput(defaultFormat('nli', 64), input)).toEqual(['She {query}s.', 'who?\nme $&']);
    expect(formatInput(defaultFormat('relevance', 64), input)).toEqual(['She {query}s.', 'who?']);
    const single = { ...defaultFormat('nli', 64), input: { first: '{character}: {statement} | {response}' } };
    expect(formatInput(single, input)).toEqual(['Ada: She {query}s. | me $&']);
    const { response: _response, ...without } = input;
    expect(() => formatInput(defaultFormat('nli', 64), without)).toThrow('asked without a response');
  });

  it('is saved and read, and refused with all that is wrong', () => {
    const folder = temporary();
    const format = { ...defaultFormat('nli', 64), trainedOn: { characters: ['ada'], data: 'x', seed: 1 } };
    saveFormat(folder, format);
    expect(loadFormat(folder)).toEqual(format);
    const relevance = defaultFormat('relevance', 64);
    const wrong = {
      ...relevance,
      labels: ['yes', 'no'],
      input: { first: '{response}' },
      maxLength: 3,
      more: 1,
    };
    writeFileSync(join(folder, 'discriminator.json'), JSON.stringify(wrong));
    const message = refusal(() => loadFormat(folder));
    for (const part of ['labels', '{response} is no field of relevance', 'maxLength', 'more']) {
      expect(message).toContain(part);
    }
    expect(refusal(() => loadFormat(temporary()))).toContain('has no discriminator.json');
  });

  function refusal(call: () => unknown): string {
    try {
      call();
    } catch (error) {
      expect(error).toBeInstanceOf(TruecastError);
      return (error as TruecastError).message;
    }
    throw new Error('expected a refusal');
  }
});

describeBackends('Discriminator.load', () => {
  it('takes a folder for its task, with a head of its labels and a length that the model has', () => {
    const folder = temporary();
    for (const file of ['config.json', 'model.safetensors'])
      cpSync(join('test/fixtures/models/xlm-roberta', file), join(folder, file));
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(wordPieceJson()));
    const load = (task: 'nli' | 'relevance', maxLength: number) => {
      saveFormat(folder, defaultFormat(task, maxLength));
      return Discriminator.load(folder, 'nli');
    };
    const discriminator = load('nli', 16);
    const { labels, maxLength } = discriminator.model;
    expect(labels).toBe(3);
    discriminator.dispose();
    expect(() => load('relevance', 16)).toThrow('is a relevance discriminator, needed is nli');
    load('nli', maxLength).dispose();
    const before = tf.memory().numTensors;
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(bpeJson()));
    expect(() => load('nli', 16)).toThrow(/its tokenizer has \d+ tokens, the model 90/);
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(wordPieceJson()));
    expect(() => load('nli', maxLength + 1)).toThrow(
      `its format allows ${maxLength + 1} tokens, the model takes ${maxLength}`,
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});
