import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { createSequenceClassifier } from '../../src/models/classifiers.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { describeBackends } from '../helpers/backends.js';

const NONE = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0, pooler_dropout: 0, cls_dropout: 0 };
const OFF = { ...NONE, classifier_dropout: 0 };

/** The logits of a tiny model of the family with these rates, of the same weights and batch each time. */
function logits(family: string, rates: object, dropoutKey?: number): number[] {
  const config = JSON.parse(readFileSync(`test/fixtures/models/${family}/config.json`, 'utf8'));
  const model = createSequenceClassifier({ ...config, ...OFF, ...rates }, family);
  initialiseWeights(model.weights, model.expectedTensors(), 1);
  const inputIds = tf.tensor2d([[5, 6, 7, 8, 9, 10]], [1, 6], 'int32');
  const batch = {
    inputIds,
    attentionMask: tf.ones([1, 6]) as tf.Tensor2D,
    tokenTypeIds: tf.zerosLike(inputIds),
  };
  const values = Array.from(model.logits(batch, dropoutKey === undefined ? {} : { dropoutKey }).dataSync());
  model.weights.dispose();
  return values;
}

describeBackends('dropout of encoders', () => {
  it.each(['bert', 'roberta', 'deberta-v3-a'])(
    '%s: every rate has its effect, in training alone',
    (family) => {
      const plain = logits(family, {});
      expect(logits(family, {}, 3)).toEqual(plain);
      for (const name of ['hidden_dropout_prob', 'attention_probs_dropout_prob']) {
        const rates = { [name]: 0.5 };
        expect(logits(family, rates), name).toEqual(plain);
        const dropped = logits(family, rates, 3);
        expect(dropped, name).not.toEqual(plain);
        expect(logits(family, rates, 3), name).toEqual(dropped);
        expect(logits(family, rates, 4), name).not.toEqual(dropped);
      }
    },
  );
});
