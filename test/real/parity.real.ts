import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { encodeBatch } from '../../src/discriminators/batches.js';
import { BertForSequenceClassification } from '../../src/models/bert/model.js';
import { loadSequenceClassifier } from '../../src/models/classifiers.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { type TokenizedInput, Tokenizer } from '../../src/models/tokenizer.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { folderOf, skippedFor } from './helpers.js';

const HERE = import.meta.dirname;
const skipped = skippedFor('minilm');
const TOLERANCE = 1e-4;
const { inputs } = JSON.parse(readFileSync(join(HERE, 'golden.json'), 'utf8')) as {
  inputs: { first: string; second?: string; ids: number[]; typeIds: number[] }[];
};

describe.skipIf(skipped)(`MiniLM's tokenizer${skipped}`, () => {
  let tokenizer: Tokenizer;
  beforeAll(() => {
    tokenizer = Tokenizer.load(folderOf('minilm'));
  });

  it.each(inputs)('gives the ids of transformers: $first', ({ first, second, ids, typeIds }) => {
    expect(tokenizer.encodeInput(first, second)).toEqual({ ids, typeIds });
  });

  it('takes control tokens in a text for text, unlike transformers', () => {
    const ids = tokenizer.encode('hello [SEP] there [CLS]');
    expect(ids).not.toContain(tokenizer.control('[SEP]'));
    expect(ids).not.toContain(tokenizer.control('[CLS]'));
    expect(tokenizer.decode(ids)).toBe('hello [ sep ] there [ cls ]');
  });
});

describeBackends(`MiniLM equals transformers${skipped}`, () => {
  it.skipIf(skipped)('last hidden states and logits, alone and padded in one batch', () => {
    const golden = SafetensorsFile.open(join(HERE, 'golden.safetensors'));
    const { model, newTensors } = loadSequenceClassifier(folderOf('minilm'), { labels: 3, seed: 1 });
    // the file is a BertModel: its names have no prefix, and it has no head
    expect(newTensors).toEqual(['classifier.weight', 'classifier.bias']);
    for (const name of newTensors)
      model.weights.set(name, tf.tensor(golden.floats(name), golden.info(name).shape));
    if (!(model instanceof BertForSequenceClassification)) throw new Error('MiniLM is a BERT');

    const check = (rows: number[]) =>
      tf.tidy(() => {
        const batch = encodeBatch(
          rows.map((i): TokenizedInput => inputs[i]!),
          0,
          model.maxLength,
        );
        const hidden = model.hiddenStates(batch);
        const logits = tf.unstack(model.logits(batch));
        rows.forEach((i, row) => {
          const positions = tf.tensor1d(golden.ints(`positions.${i}`), 'int32');
          const states = tf.gather(hidden.slice([row, 0, 0], [1, -1, -1]).squeeze([0]), positions);
          expectClose(states, golden.floats(`hidden.${i}`), TOLERANCE, `hidden states of input ${i}`);
          expectClose(logits[row]!, golden.floats(`logits.${i}`), TOLERANCE, `logits of input ${i}`);
        });
      });
    const before = tf.memory().numTensors;
    for (const i of inputs.keys()) check([i]);
    check([...inputs.keys()].filter((i) => inputs[i]!.ids.length < 100));
    expect(tf.memory().numTensors).toBe(before);
    model.weights.dispose();
    golden.close();
  });
});
