import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { ACTIVATION_NAMES, type Activation, activate } from '../../src/models/activations.js';
import { loadSequenceClassifier } from '../../src/models/classifiers.js';
import type { EncodedBatch } from '../../src/models/encoder.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

/** Every option of published configurations: test/fixtures/encoders.py. */
const OPTIONS = 'test/fixtures/encoders';
const MODELS = [
  ...['deberta-v3-a', 'deberta-v3-b', 'deberta-v3-c', 'deberta-c2p', 'bert', 'roberta', 'xlm-roberta'].map(
    (name) => join('test/fixtures/models', name),
  ),
  ...readdirSync(OPTIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(OPTIONS, entry.name)),
];
const TOLERANCE = 1e-4;

describeBackends('encoders equal transformers', () => {
  it.each(MODELS)('%s: logits, loss and every gradient', (folder) => {
    const golden = SafetensorsFile.open(join(folder, 'golden.safetensors'));
    const { model } = loadSequenceClassifier(folder, 'required');
    const ints = (key: string): tf.Tensor => tf.tensor(golden.ints(key), golden.info(key).shape, 'int32');
    const inputIds = ints('input_ids') as tf.Tensor2D;
    const batch: EncodedBatch = {
      inputIds,
      attentionMask: tf.cast(ints('attention_mask') as tf.Tensor2D, 'float32'),
      tokenTypeIds: golden.tensors.has('token_type_ids')
        ? (ints('token_type_ids') as tf.Tensor2D)
        : tf.zerosLike(inputIds),
    };
    const labels = ints('labels');
    expectClose(model.logits(batch), golden.floats('logits'), TOLERANCE, 'logits');

    const names = model.weights.names();
    for (const recompute of [false, true]) {
      const before = tf.memory().numTensors;
      const { value, gradients } = valueAndGradients(
        () => run(ops.crossEntropy, { logits: model.logits(batch, { recompute }), labels }, {}),
        names.map((weight) => model.weights.get(weight)),
      );
      expectClose(value, golden.floats('loss'), TOLERANCE, 'loss');
      names.forEach((weight, i) => {
        expectClose(gradients[i]!, golden.floats(`grad.${weight}`), TOLERANCE, `gradient of ${weight}`);
      });
      tf.dispose([value, gradients]);
      expect(tf.memory().numTensors).toBe(before);
    }
    expect(names.length).toBe([...golden.tensors.keys()].filter((key) => key.startsWith('grad.')).length);
    model.weights.dispose();
    golden.close();
  });
});

interface ActivationCases {
  points: number[];
  cases: Record<Activation, { values: number[]; derivatives: number[] }>;
}

describeBackends('activations equal those of transformers', () => {
  const { points, cases } = JSON.parse(
    readFileSync(join(OPTIONS, 'activations.json'), 'utf8'),
  ) as ActivationCases;

  it('all of them', () => expect(Object.keys(cases).sort()).toEqual([...ACTIVATION_NAMES].sort()));

  it.each(ACTIVATION_NAMES)('%s', (name) => {
    const x = tf.tensor1d(points);
    const { value, gradients } = valueAndGradients(() => tf.sum(activate(x, name)), [x]);
    expectClose(
      tf.tidy(() => activate(x, name)),
      cases[name].values,
      2e-6,
      'values',
    );
    expectClose(gradients[0]!, cases[name].derivatives, 2e-6, 'derivatives');
    tf.dispose([value, gradients, x]);
  });
});
