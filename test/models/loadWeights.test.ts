import { cpSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { loadSequenceClassifier } from '../../src/models/classifiers.js';
import { loadGemma } from '../../src/models/decoders.js';
import { SafetensorsFile, writeSafetensors } from '../../src/models/formats/safetensors.js';
import type { TensorFile } from '../../src/models/formats/tensorFile.js';
import { TorchFile } from '../../src/models/formats/torchFile.js';
import { loadTensor, type Weights } from '../../src/models/weights.js';
import { normalAt, randomKey } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const MODELS = 'test/fixtures/models';
const TORCH = 'test/fixtures/torch-bin';

function expectSameWeights(actual: Weights, expected: Weights): void {
  expect(actual.names().sort()).toEqual(expected.names().sort());
  for (const name of expected.names()) {
    expect(actual.get(name).shape).toEqual(expected.get(name).shape);
    expect(actual.get(name).dataSync(), name).toEqual(expected.get(name).dataSync());
  }
}

describeBackends('weights on the device', () => {
  it('BERT in two pickles, with the norms’ old names, buffers and a pretraining head', () => {
    const old = loadSequenceClassifier(join(TORCH, 'bert'), 'required').model;
    const plain = loadSequenceClassifier(join(MODELS, 'bert'), 'required').model;
    expectSameWeights(old.weights, plain.weights);
    for (const { weights } of [old, plain]) weights.dispose();
  });

  it('DeBERTa in one pickle of halves, with its pretraining heads and positions', () => {
    const { model, newTensors } = loadSequenceClassifier(join(TORCH, 'deberta'), { labels: 3, seed: 1 });
    expect(newTensors.sort()).toEqual([
      'classifier.bias',
      'classifier.weight',
      'pooler.dense.bias',
      'pooler.dense.weight',
    ]);
    const file = TorchFile.open(join(TORCH, 'deberta', 'pytorch_model.bin'));
    for (const name of model.weights.names()) {
      if (newTensors.includes(name)) continue;
      expect(model.weights.get(name).dataSync(), name).toEqual(file.floats(name));
    }
    file.close();
    model.weights.dispose();
  });

  it('both of a norm’s names in one file are refused', () => {
    const folder = temporary();
    cpSync(join(MODELS, 'bert', 'config.json'), join(folder, 'config.json'));
    const source = SafetensorsFile.open(join(MODELS, 'bert', 'model.safetensors'));
    const name = 'bert.embeddings.LayerNorm';
    const tensors = [...source.tensors].map(
      ([key, { shape }]) => [key, { dtype: 'F32' as const, shape, data: source.floats(key) }] as const,
    );
    const twice = tensors.find(([key]) => key === `${name}.weight`)!;
    writeSafetensors(join(folder, 'model.safetensors'), [...tensors, [`${name}.gamma`, twice[1]]]);
    source.close();
    expect(refusal(() => loadSequenceClassifier(folder, 'required'))).toContain(
      `twice: ${name}.weight, ${name}.gamma`,
    );
  });

  it('Gemma in shards, in NF4 too', () => {
    for (const quantization of ['none', 'nf4', 'nf4-double'] as const) {
      const sharded = loadGemma('test/fixtures/sharded', { quantization });
      const whole = loadGemma(join(MODELS, 'gemma-a'), { quantization });
      expectSameWeights(sharded.weights, whole.weights);
      expect(sharded.quantized.size).toBe(whole.quantized.size);
      for (const [layer, parts] of whole.quantized) {
        for (const [part, tensor] of Object.entries(parts)) {
          const ours = sharded.quantized.get(layer)![part as keyof typeof parts]!;
          expect(ours.dataSync(), `${layer} ${part}`).toEqual(tensor!.dataSync());
        }
      }
      sharded.dispose();
      whole.dispose();
    }
  });

  it('a file that ends too early while it is read leaves no tensor behind', () => {
    const folder = temporary();
    mkdirSync(folder, { recursive: true });
    cpSync(join(MODELS, 'gemma-a'), folder, { recursive: true });
    const path = join(folder, 'model.safetensors');
    const size = readFileSync(path).length;
    const before = tf.memory();
    const read = SafetensorsFile.prototype.floatsInto;
    // cut once the header has been read and found good
    const spy = vi.spyOn(SafetensorsFile.prototype, 'floatsInto').mockImplementation(function (
      this: SafetensorsFile,
      ...tensor
    ) {
      truncateSync(path, size - 5000);
      read.apply(this, tensor);
    });
    try {
      expect(refusal(() => loadGemma(folder, { quantization: 'nf4' }))).toContain('ends within tensor');
    } finally {
      spy.mockRestore();
    }
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
  });

  it.each([
    ['rows of many parts', [3000, 700]],
    ['a row larger than a part', [2, 2 ** 20 + 3]],
    ['one row', [1, 2 ** 21]],
    ['three dimensions', [200, 3, 5000]],
    ['a vector', [2 ** 20 + 5]],
    ['a scalar', []],
    ['nothing', [0, 4]],
  ])('a tensor that is large arrives whole: %s', (_name, shape) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const key = randomKey('large');
    const values = Float32Array.from({ length: size }, (_, i) => (i % 97 === 0 ? normalAt(key, i) : i));
    const path = join(temporary(), 'model.safetensors');
    writeSafetensors(path, [['w', { dtype: 'F32', shape, data: values }]]);
    const file = SafetensorsFile.open(path);
    // a format that cannot read in parts
    const plain: TensorFile = {
      path,
      tensors: file.tensors,
      floats: (name) => file.floats(name),
      bytes: (name) => file.bytes(name),
      close: () => {},
    };
    const before = tf.memory().numTensors;
    for (const source of [file, plain]) {
      const [a, b] = [loadTensor(source, 'w', shape), loadTensor(source, 'w', shape)];
      expect(a.shape).toEqual(shape);
      expect(Buffer.from(a.dataSync().buffer).equals(Buffer.from(values.buffer))).toBe(true);
      expect(Buffer.from(b.dataSync().buffer).equals(Buffer.from(values.buffer))).toBe(true);
      // an op does not find another tensor's values either
      if (size > 0) expect(tf.tidy(() => tf.sub(a, b).abs().max().dataSync()[0])).toBe(0);
      for (const tensor of [a, b]) tensor.dispose();
    }
    file.close();
    expect(tf.memory().numTensors).toBe(before);
  });
});
