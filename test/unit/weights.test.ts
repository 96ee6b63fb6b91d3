import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import { parseBertConfig } from '../../src/models/bert/model.js';
import { createSequenceClassifier, loadSequenceClassifier } from '../../src/models/classifiers.js';
import { parseDebertaConfig } from '../../src/models/deberta/config.js';
import { loadGemma } from '../../src/models/decoders.js';
import {
  SafetensorsFile,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/models/formats/safetensors.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { saveModel, Weights } from '../../src/models/weights.js';
import { TruecastError } from '../../src/support/errors.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const MODELS = 'test/fixtures/models';

beforeAll(async () => {
  await selectBackend('cpu');
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

/** A copy of a model's folder whose tensors went through `change`. */
function altered(name: string, change: (tensors: Map<string, TensorToWrite>) => void): string {
  const source = join(MODELS, name);
  const folder = temporary();
  cpSync(join(source, 'config.json'), join(folder, 'config.json'));
  const file = SafetensorsFile.open(join(source, 'model.safetensors'));
  const tensors = new Map<string, TensorToWrite>();
  for (const [key, { shape }] of file.tensors)
    tensors.set(key, { dtype: 'F32', shape, data: file.floats(key) });
  file.close();
  change(tensors);
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

describe('weights that do not fit their configuration', () => {
  it.each(['bert', 'deberta-v3-a', 'roberta'])('%s: all that is wrong in one error', (name) => {
    const prefix = name === 'deberta-v3-a' ? 'deberta' : name;
    const norm = `${prefix}.embeddings.LayerNorm`;
    const folder = altered(name, (tensors) => {
      tensors.delete(`${norm}.bias`);
      const weight = tensors.get(`${norm}.weight`)!;
      tensors.set(`${norm}.weight`, { ...weight, shape: [1, ...weight.shape] } as TensorToWrite);
      tensors.set('extra.weight', { dtype: 'F32', shape: [1], data: new Float32Array(1) });
      tensors.set('other.weight', { dtype: 'F32', shape: [1], data: new Float32Array(1) });
    });
    const message = refusal(() => loadSequenceClassifier(folder, 'required'));
    const width = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).hidden_size as number;
    expect(message.split('\n')).toEqual([
      `${join(folder, 'model.safetensors')} does not fit its config.json:`,
      `  ${norm}.weight is [1,${width}], config.json asks for [${width}]`,
      `  missing: ${norm}.bias [${width}]`,
      '  unexpected: extra.weight',
      '  unexpected: other.weight',
    ]);
  });

  it('Gemma: a missing and an unexpected tensor, but no word of the tied head', () => {
    const folder = altered('gemma-a', (tensors) => {
      const embeddings = tensors.get('model.embed_tokens.weight')!;
      tensors.set('lm_head.weight', embeddings);
      tensors.delete('model.norm.weight');
      tensors.set('model.norm.bias', { dtype: 'F32', shape: [1], data: new Float32Array(1) });
    });
    const message = refusal(() => loadGemma(folder, { quantization: 'none' }));
    expect(message).toMatch(/missing: model\.norm\.weight \[\d+\]\n {2}unexpected: model\.norm\.bias$/);
  });

  it('buffers and pretraining heads of published files are left alone', () => {
    const folder = altered('bert', (tensors) => {
      const one: TensorToWrite = { dtype: 'F32', shape: [1], data: new Float32Array(1) };
      for (const name of ['bert.embeddings.position_ids', 'cls.predictions.bias', 'lm_head.bias'])
        tensors.set(name, one);
    });
    loadSequenceClassifier(folder, 'required').model.weights.dispose();
  });

  it('leaves no tensor behind where it refuses', () => {
    const folder = altered('bert', (tensors) => void tensors.delete('classifier.bias'));
    const before = tf.memory().numTensors;
    expect(refusal(() => loadSequenceClassifier(folder, 'required'))).toContain('missing: classifier.bias');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('no weights, no configuration, a model of another kind', () => {
    const folder = temporary();
    expect(refusal(() => loadSequenceClassifier(folder, 'required'))).toContain(
      'model configuration not found',
    );
    cpSync(join(MODELS, 'bert', 'config.json'), join(folder, 'config.json'));
    expect(refusal(() => loadSequenceClassifier(folder, 'required'))).toContain('no model.safetensors in');
    expect(refusal(() => loadSequenceClassifier(join(MODELS, 'gemma-a'), 'required'))).toContain(
      'is no encoder',
    );
    expect(refusal(() => loadGemma(join(MODELS, 'bert'), { quantization: 'none' }))).toContain(
      'is no decoder',
    );
    writeFileSync(join(folder, 'config.json'), '[]');
    expect(refusal(() => loadSequenceClassifier(folder, 'required'))).toContain('is not a JSON object');
  });
});

describe('a new head', () => {
  it('is made where the folder has none or one of another size, by the seed alone', () => {
    const plain = loadSequenceClassifier(join(MODELS, 'bert'), 'required');
    const labels = plain.model.labels;
    expect(plain.newTensors).toEqual([]);
    const kept = loadSequenceClassifier(join(MODELS, 'bert'), { labels, seed: 1 });
    expect(kept.newTensors).toEqual([]);
    const other = loadSequenceClassifier(join(MODELS, 'bert'), { labels: labels + 1, seed: 1 });
    expect(other.newTensors).toEqual(['classifier.weight', 'classifier.bias']);
    expect(other.model.labels).toBe(labels + 1);
    const values = (loaded: typeof other) =>
      Array.from(loaded.model.weights.get('classifier.weight').dataSync());
    const again = loadSequenceClassifier(join(MODELS, 'bert'), { labels: labels + 1, seed: 1 });
    const seeded = loadSequenceClassifier(join(MODELS, 'bert'), { labels: labels + 1, seed: 2 });
    expect(values(again)).toEqual(values(other));
    expect(values(seeded)).not.toEqual(values(other));
    const without = altered('bert', (tensors) => {
      for (const name of ['classifier.weight', 'classifier.bias']) tensors.delete(name);
    });
    expect(loadSequenceClassifier(without, { labels, seed: 1 }).newTensors).toEqual([
      'classifier.weight',
      'classifier.bias',
    ]);
  });

  it('a base model’s file, whose names lack the prefix, is taken', () => {
    const folder = altered('bert', (tensors) => {
      for (const [name, value] of [...tensors]) {
        tensors.delete(name);
        if (name.startsWith('bert.')) tensors.set(name.slice('bert.'.length), value);
      }
    });
    const { newTensors, model } = loadSequenceClassifier(folder, { labels: 3, seed: 1 });
    expect(newTensors).toEqual(['classifier.weight', 'classifier.bias']);
    const original = loadSequenceClassifier(join(MODELS, 'bert'), 'required').model;
    const name = 'bert.embeddings.word_embeddings.weight';
    expect(model.weights.get(name).dataSync()).toEqual(original.weights.get(name).dataSync());
  });
});

describe('problem_type', () => {
  const withType = (type: unknown) => {
    const folder = altered('bert', () => {});
    const path = join(folder, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...config, problem_type: type }));
    return folder;
  };

  it.each(['regression', 'multi_label_classification'])('%s: no head of ours, but a base', (type) => {
    const folder = withType(type);
    expect(refusal(() => loadSequenceClassifier(folder, 'required'))).toContain(`problem_type is "${type}"`);
    const { config, model } = loadSequenceClassifier(folder, { labels: 2, seed: 1 });
    expect(config).not.toHaveProperty('problem_type');
    model.weights.dispose();
  });

  it.each([null, 'single_label_classification'])('%s is the usual one', (type) => {
    loadSequenceClassifier(withType(type), 'required').model.weights.dispose();
  });
});

describe('saving', () => {
  it('a saved model loads with the same numbers', () => {
    const folder = temporary();
    const { model, config } = loadSequenceClassifier(join(MODELS, 'deberta-v3-a'), 'required');
    saveModel(folder, config, model.weights);
    const again = loadSequenceClassifier(folder, 'required').model;
    expect(again.weights.names().sort()).toEqual(model.weights.names().sort());
    for (const name of model.weights.names()) {
      expect(again.weights.get(name).shape).toEqual(model.weights.get(name).shape);
      expect(again.weights.get(name).dataSync()).toEqual(model.weights.get(name).dataSync());
    }
  });

  it('fresh weights depend on the seed and the name alone: norms are ones, biases zeros', () => {
    const config = JSON.parse(readFileSync(join(MODELS, 'bert', 'config.json'), 'utf8'));
    const fresh = (seed: number) => {
      const model = createSequenceClassifier(config, 'config.json');
      initialiseWeights(model.weights, model.expectedTensors(), seed);
      return model.weights;
    };
    const [a, b, c] = [fresh(1), fresh(1), fresh(2)];
    const name = 'bert.encoder.layer.0.intermediate.dense.weight';
    expect(a.get(name).dataSync()).toEqual(b.get(name).dataSync());
    expect(a.get(name).dataSync()).not.toEqual(c.get(name).dataSync());
    for (const value of a.get('bert.embeddings.LayerNorm.weight').dataSync()) expect(value).toBe(1);
    for (const value of a.get('classifier.bias').dataSync()) expect(value).toBe(0);
    const values = Array.from(a.get(name).dataSync());
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    expect(Math.abs(deviation - 0.02)).toBeLessThan(0.002);
  });
});

describe('Weights', () => {
  it('owns its tensors', () => {
    const before = tf.memory().numTensors;
    const weights = new Weights();
    const first = tf.ones([2]);
    weights.set('a', first);
    weights.set('a', first);
    expect(first.isDisposed).toBe(false);
    weights.set('a', tf.zeros([3]));
    expect(first.isDisposed).toBe(true);
    tf.tidy(() => weights.set('b.c', tf.ones([4])));
    expect(weights.get('b.c').isDisposed).toBe(false);
    expect(weights.under('b.')).toEqual(['b.c']);
    expect(weights.parameterCount()).toBe(7);
    expect(() => weights.get('x')).toThrow('no weight x');
    weights.delete('a');
    expect(weights.has('a')).toBe(false);
    weights.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('model configurations: every problem at once', () => {
  const read = (name: string) =>
    JSON.parse(readFileSync(join(MODELS, name, 'config.json'), 'utf8')) as Record<string, unknown>;

  it('BERT', () => {
    const { vocab_size: _size, ...rest } = read('bert');
    const config = {
      ...rest,
      hidden_size: -4,
      hidden_act: 'xielu',
      layer_norm_eps: 0,
      hidden_dropout_prob: 1,
    };
    const lines = refusal(() => parseBertConfig(config, 'x/config.json')).split('\n');
    expect(lines[0]).toBe('x/config.json cannot be used:');
    expect(
      lines
        .slice(1)
        .map((line) => line.trim().split(':')[0])
        .sort(),
    ).toEqual(['hidden_act', 'hidden_dropout_prob', 'hidden_size', 'layer_norm_eps', 'vocab_size']);
    expect(refusal(() => parseBertConfig({ ...read('bert'), num_attention_heads: 7 }))).toContain(
      'hidden_size: must be a multiple',
    );
    expect(
      refusal(() => parseBertConfig({ ...read('bert'), position_embedding_type: 'relative_key' })),
    ).toContain('position_embedding_type');
  });

  it('DeBERTa', () => {
    const config = {
      ...read('deberta-v3-a'),
      pos_att_type: 'c2p|p2p',
      conv_act: 'prelu',
      norm_rel_ebd: 'batch',
    };
    const message = refusal(() => parseDebertaConfig(config));
    for (const key of ['pos_att_type', 'conv_act', 'norm_rel_ebd']) expect(message).toContain(`  ${key}`);
    expect(parseDebertaConfig({ ...read('deberta-v3-a'), pos_att_type: 'P2C|c2p' }).pos_att_type).toEqual([
      'p2c',
      'c2p',
    ]);
    expect(parseDebertaConfig({ ...read('deberta-v3-a'), pos_att_type: null }).pos_att_type).toEqual([]);
  });

  it.each([
    [{ pos_att_type: ['C2P'] }, 'pos_att_type.0: only c2p and p2c are known'],
    [{ attention_head_size: 4 }, 'attention_head_size: must be hidden_size / num_attention_heads'],
    [{ pooler_hidden_size: 16 }, 'pooler_hidden_size: must be hidden_size'],
    [{ embedding_size: null }, 'embedding_size: '],
    [{ conv_kernel_size: 4 }, 'conv_kernel_size: must be odd'],
    [{ conv_kernel_size: 3, conv_groups: 5 }, 'conv_groups: must divide hidden_size'],
    [{ position_buckets: 1 }, 'position_buckets: must be at least 2'],
    [{ position_buckets: 8, max_relative_positions: 5 }, 'position_buckets: must be at least 2'],
  ])('DeBERTa %j', (changes, expected) => {
    expect(refusal(() => parseDebertaConfig({ ...read('deberta-v3-a'), ...changes }))).toContain(expected);
  });

  it.each([
    [{ position_embedding_type: 'relative_key_query' }, 'position_embedding_type: relative_key and'],
    [{ is_decoder: true }, 'is_decoder: a decoder sees no later tokens'],
    [{ type_vocab_size: 0 }, 'type_vocab_size: '],
  ])('BERT %j', (changes, expected) => {
    expect(refusal(() => parseBertConfig({ ...read('bert'), ...changes }))).toContain(expected);
  });

  it('Gemma', () => {
    const config = {
      ...read('gemma-b'),
      attention_bias: true,
      tie_word_embeddings: false,
      rope_scaling: { type: 'yarn', factor: 2 },
      rms_norm_eps: Number.NaN,
      vocab_size: '80',
    };
    const message = refusal(() => parseGemmaConfig(config));
    expect(message).toContain('attention_bias: attention biases are not supported');
    expect(message).toContain(
      'rope_scaling.type: only the rotary embeddings "default" and "linear" are supported',
    );
    for (const key of ['tie_word_embeddings', 'rms_norm_eps', 'vocab_size'])
      expect(message).toContain(`  ${key}`);
    expect(refusal(() => parseGemmaConfig({ ...read('gemma-b'), num_key_value_heads: 3 }))).toContain(
      'must divide num_attention_heads',
    );
    expect(refusal(() => parseGemmaConfig({ ...read('gemma-b'), head_dim: 11 }))).toContain(
      'head_dim: must be even',
    );
  });
});
