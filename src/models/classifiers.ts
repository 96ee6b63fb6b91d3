import { join } from 'node:path';
import type * as tf from '../backends/tf.js';
import { TruecastError } from '../support/errors.js';
import { BertForSequenceClassification, parseBertConfig } from './bert/model.js';
import { writeCompanions } from './companions.js';
import { parseDebertaConfig } from './deberta/config.js';
import { DebertaV2ForSequenceClassification } from './deberta/model.js';
import type { SequenceClassifier } from './encoder.js';
import { type ModelFiles, openModel } from './files.js';
import type { TensorFile } from './formats/tensorFile.js';
import { freshTensor } from './initialise.js';
import { checkTensors, isUnused, loadTensor, saveTensors, type Weights } from './weights.js';

/** A classifier of the family that `config` (config.json) names, without weights. */
export function createSequenceClassifier(config: Record<string, unknown>, where: string): SequenceClassifier {
  switch (config.model_type) {
    case 'deberta-v2':
      return new DebertaV2ForSequenceClassification(parseDebertaConfig(config, where));
    case 'bert':
      return new BertForSequenceClassification(parseBertConfig(config, where), 'bert');
    case 'roberta':
    case 'xlm-roberta':
      return new BertForSequenceClassification(parseBertConfig(config, where), 'roberta');
    default:
      throw new TruecastError(
        `${where}: model_type ${JSON.stringify(config.model_type)} is no encoder that truecast knows`,
        'use deberta-v2 (v2, v3), bert, roberta or xlm-roberta',
      );
  }
}

export interface LoadedClassifier {
  model: SequenceClassifier;
  config: Record<string, unknown>;
  /** Tensors of the head that the files don't have and that were initialised. */
  newTensors: string[];
}

/**
 * Loads a classifier from a model's path (openModel).
 *
 * @param head 'required': a model without a classification head is an error; otherwise the number of labels
 *   of the head to start from: one that the model has is taken if it has as many, else it is made new
 */
export function loadSequenceClassifier(
  path: string,
  head: 'required' | { labels: number; seed: number },
): LoadedClassifier {
  const files = openModel(path);
  const where = files.configPath;
  const config = { ...files.config };
  const fresh = head !== 'required';
  const had = createSequenceClassifier(config, where).labels;
  if (fresh) {
    config.id2label = Object.fromEntries(Array.from({ length: head.labels }, (_, i) => [i, `LABEL_${i}`]));
    delete config.num_labels;
    delete config.problem_type;
  } else {
    checkProblemType(config.problem_type, where);
  }
  const model = createSequenceClassifier(config, where);
  const expected = model.expectedTensors();
  const file = files.openWeights();
  try {
    const base = baseModelNames(file, expected);
    const rename = (name: string) => base(normName(name));
    // a head for another number of labels is no start; one that is absent or refused is made new
    const refused = (name: string) => fresh && had !== head.labels && isOutput(name);
    const optional = (name: string) => fresh && isHead(name);
    const kept = new Map([...expected].filter(([name]) => !refused(name)));
    checkTensors(file, kept, rename, { optional, ignored: (name) => isUnused(name) || refused(name) });
    const stored = new Map([...file.tensors.keys()].map((name) => [rename(name), name]));
    const newTensors: string[] = [];
    for (const [name, shape] of expected) {
      const source = refused(name) ? undefined : stored.get(name);
      if (source !== undefined) model.weights.set(name, loadTensor(file, source, shape));
      else newTensors.push(name);
    }
    if (fresh) {
      for (const name of newTensors)
        model.weights.set(name, freshTensor(name, expected.get(name)!, head.seed));
    }
    return { model, config, newTensors };
  } catch (error) {
    model.weights.dispose();
    throw error;
  } finally {
    file.close();
  }
}

/**
 * Writes a classifier that was trained from `files` into a folder in Hugging Face layout: weights, configuration with
 * the names of its labels, and tokenizer.
 */
export function saveClassifier(
  folder: string,
  files: ModelFiles,
  weights: Weights,
  labels: readonly string[],
  dtype: 'F32' | 'BF16' = 'F32',
): void {
  const id2label = Object.fromEntries(labels.map((label, i) => [i, label]));
  const label2id = Object.fromEntries(labels.map((label, i) => [label, i]));
  const tensors = weights.names().map((name): [string, tf.Tensor] => [name, weights.get(name)]);
  saveTensors(join(folder, 'model.safetensors'), tensors, dtype);
  writeCompanions(files, folder, dtype, ({ num_labels: _count, problem_type: _type, ...config }) => ({
    ...config,
    id2label,
    label2id,
  }));
}

/** A head trained with another loss than ours means its logits in another way. */
function checkProblemType(type: unknown, where: string): void {
  if (type === undefined || type === null || type === 'single_label_classification') return;
  throw new TruecastError(
    `${where}: problem_type is ${JSON.stringify(type)}, and truecast's classifiers choose one of several labels`,
    'use a model trained for single_label_classification',
  );
}

/** A base model's file leaves the prefix out (embeddings.… for bert.embeddings.…): puts it back. */
function baseModelNames(file: TensorFile, expected: ReadonlyMap<string, unknown>): (name: string) => string {
  const first = [...expected.keys()][0]!;
  const prefix = first.slice(0, first.indexOf('.') + 1);
  const bare = !file.tensors.has(first) && file.tensors.has(first.slice(prefix.length));
  return bare ? (name) => (expected.has(prefix + name) ? prefix + name : name) : (name) => name;
}

/** BERT's first checkpoints have TensorFlow's names of a norm's weight and bias. */
function normName(name: string): string {
  return name
    .replace(/\bLayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/\bLayerNorm\.beta$/, 'LayerNorm.bias');
}

const isHead = (name: string) => /^(classifier|pooler|bert\.pooler)\b/.test(name);
const isOutput = (name: string) => /^classifier(\.out_proj)?\.(weight|bias)$/.test(name);
