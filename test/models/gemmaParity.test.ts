import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { loadGemma } from '../../src/models/decoders.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import type { CausalBatch, GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

const TOLERANCE = 1e-4;

function readBatch(golden: SafetensorsFile): { batch: CausalBatch; labels: Int32Array } {
  const ints = (key: string): tf.Tensor => tf.tensor(golden.ints(key), golden.info(key).shape, 'int32');
  const inputIds = ints('input_ids') as tf.Tensor2D;
  const [B, T] = inputIds.shape;
  const positions = golden.tensors.has('position_ids')
    ? (ints('position_ids') as tf.Tensor2D)
    : (tf.tile(tf.range(0, T, 1, 'int32').expandDims(0), [B, 1]) as tf.Tensor2D);
  const segments = tf.sub<tf.Tensor2D>(ints('attention_mask'), tf.scalar(1, 'int32'));
  return { batch: { inputIds, segments, positions }, labels: golden.ints('labels') };
}

/** Labels moved one to the left, as the loss of transformers does: [B · T], −100 at the end of each row. */
function nextLabels(labels: Int32Array, T: number): tf.Tensor1D {
  return tf.tensor1d(
    Array.from(labels, (_, i) => (i % T === T - 1 ? -100 : labels[i + 1]!)),
    'int32',
  );
}

/** Compares the rows of [B, T, …] that are no padding: what a model says of padding means nothing. */
function expectCloseWhere(
  segments: tf.Tensor,
  actual: tf.Tensor,
  expected: Float32Array,
  what: string,
): void {
  const width = actual.shape[2]!;
  const keep = Array.from(segments.dataSync(), (segment) => segment >= 0);
  const rows = (values: ArrayLike<number>) =>
    Array.from(values).filter((_, i) => keep[Math.floor(i / width)]);
  expectClose(rows(actual.dataSync()), rows(expected), TOLERANCE, what);
}

/** The mean loss from logits and from log-probabilities: what evaluation and what training compute. */
const LOSSES = {
  crossEntropy: (model: GemmaForCausalLM, states: tf.Tensor, labels: tf.Tensor1D) =>
    run(ops.crossEntropy, { logits: model.logits(states), labels }, {}),
  tokenLogProbs: (model: GemmaForCausalLM, states: tf.Tensor, labels: tf.Tensor1D) => {
    const all = labels.dataSync();
    const places = Array.from(all.keys()).filter((i) => all[i] !== -100);
    const inputs = {
      hidden: tf.gather(states, tf.tensor1d(places, 'int32')),
      weight: model.headWeight,
      targets: tf.gather(labels, tf.tensor1d(places, 'int32')),
    };
    return tf.neg(tf.mean(run(ops.tokenLogProbs, inputs, { chunk: 7, cap: model.config.finalCap })));
  },
};

describeBackends('Gemma equals transformers', () => {
  const first = ['a', 'b', 'c'].map((name) => `models/gemma-${name}`);
  const later = ['gemma2-a', 'gemma2-b', 'gemma3-a', 'gemma3-b', 'gemma3-vision'].map(
    (name) => `gemma/${name}`,
  );
  const cases = [...first, ...later].flatMap((name) => [
    [name, 'golden'],
    [name, 'golden-left'],
  ]);
  it.each(cases)('%s %s: hidden states, logits, loss and every gradient', (name, file) => {
    const folder = join('test/fixtures', name!);
    const golden = SafetensorsFile.open(join(folder, `${file}.safetensors`));
    const model = loadGemma(folder, { quantization: 'none' });
    const { batch, labels } = readBatch(golden);
    const [B, T] = batch.inputIds.shape;
    const hidden = model.hiddenStates(batch);
    const logits = model.logits(hidden.reshape([B * T, -1])).reshape([B, T, -1]);
    if (golden.tensors.has('hidden'))
      expectCloseWhere(batch.segments, hidden, golden.floats('hidden'), 'hidden states');
    expectCloseWhere(batch.segments, logits, golden.floats('logits'), 'logits');

    const targets = nextLabels(labels, T);
    const names = model.weights.names();
    const graded = [...golden.tensors.keys()].filter((key) => key.startsWith('grad.'));
    expect(names.map((weight) => `grad.${weight}`).sort()).toEqual(graded.sort());
    for (const [recompute, loss] of [
      [false, LOSSES.crossEntropy],
      [true, LOSSES.crossEntropy],
      [true, LOSSES.tokenLogProbs],
    ] as const) {
      const before = tf.memory().numTensors;
      const { value, gradients } = valueAndGradients(
        () => loss(model, model.hiddenStates(batch, { recompute }).reshape([B * T, -1]), targets),
        names.map((weight) => model.weights.get(weight)),
      );
      expectClose(value, golden.floats('loss'), TOLERANCE, 'loss');
      names.forEach((weight, i) => {
        expectClose(gradients[i]!, golden.floats(`grad.${weight}`), TOLERANCE, `gradient of ${weight}`);
      });
      tf.dispose([value, gradients]);
      expect(tf.memory().numTensors).toBe(before);
    }
    model.dispose();
    golden.close();
  });

  it.each(['plain', 'rslora'])('LoRA over NF4 equals peft: %s', (name) => {
    const base = 'test/fixtures/lora/base';
    const golden = SafetensorsFile.open(join('test/fixtures/lora', name, 'golden.safetensors'));
    for (const quantization of ['none', 'nf4'] as const) {
      // quantising the dequantised weights again gives them back: absmax and codes are fixed points
      const model = loadGemma(base, { quantization });
      model.adapter = loadAdapter(join('test/fixtures/lora', name), model.linearLayers());
      const { adapter } = model;
      const { batch, labels } = readBatch(golden);
      const [B, T] = batch.inputIds.shape;
      const targets = nextLabels(labels, T);
      const names = adapter.weights.names();
      const { value, gradients } = valueAndGradients(
        () => {
          const states = model.hiddenStates(batch, { recompute: true }).reshape([B * T, -1]);
          return run(ops.crossEntropy, { logits: model.logits(states), labels: targets }, {});
        },
        names.map((weight) => adapter.weights.get(weight)),
      );
      expectClose(value, golden.floats('loss'), TOLERANCE, 'loss');
      names.forEach((weight, i) => {
        expectClose(gradients[i]!, golden.floats(`grad.${weight}`), TOLERANCE, `gradient of ${weight}`);
      });
      tf.dispose([value, gradients]);
      model.dispose();
    }
    golden.close();
  });
});
