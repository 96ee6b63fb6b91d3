import { join } from 'node:path';
import { settled } from '../backends/tensorflow/upload.js';
import * as tf from '../backends/tf.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { normalAt, randomKey } from '../support/random.js';
import { BertForSequenceClassification, parseBertConfig } from './bert/model.js';
import type { Quantization } from './bnb/config.js';
import { BnbFile, type PackedWeight } from './bnb/file.js';
import { parseDebertaConfig } from './deberta/config.js';
import { DebertaV2ForSequenceClassification } from './deberta/model.js';
import type { SequenceClassifier } from './encoder.js';
import { openModel } from './files.js';
import { readFloats, type TensorFile } from './formats/tensorFile.js';
import { isMultimodal, parseGemmaConfig } from './gemma/config.js';
import { GemmaForCausalLM } from './gemma/model.js';
import { MULTIMODAL_TEXT_MODEL } from './lora/names.js';
import { nf4ToDevice, quantizeNf4, quantizeScales } from './nf4.js';
import { checkTensors, type ExpectedTensors, loadTensor, saveTensors, type Weights } from './weights.js';

/** Standard deviation of fresh weights (transformers' initializer_range). */
const INITIALIZER_RANGE = 0.02;

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

/** Fills a model's weights as transformers initialises them: normal matrices, zero biases, unit norms. */
export function initialiseWeights(
  weights: Weights,
  expected: ReadonlyMap<string, readonly number[]>,
  seed: number,
): void {
  for (const [name, shape] of expected) weights.set(name, freshTensor(name, shape, seed));
}

function freshTensor(name: string, shape: readonly number[], seed: number): tf.Tensor {
  if (name.endsWith('.bias')) return tf.zeros([...shape]);
  if (/LayerNorm\.weight$/.test(name)) return tf.ones([...shape]);
  // Gemma stores its norms' weights minus one
  if (/(layernorm|[._]norm)\.weight$/.test(name)) return tf.zeros([...shape]);
  const key = randomKey(seed, 'init', name);
  const size = tf.util.sizeFromShape([...shape]);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => INITIALIZER_RANGE * normalAt(key, i)),
    [...shape],
  );
}

export interface LoadGemmaOptions {
  /**
   * Hold the linear layers in NF4; with double quantisation of the scales. A checkpoint that bitsandbytes
   * packed is taken as it is where this agrees with it; 'none' dequantises it.
   */
  quantization: Quantization;
}

/** Loads a Gemma from a model's path (openModel), tensor by tensor, quantising as it goes. */
export function loadGemma(path: string, { quantization }: LoadGemmaOptions): GemmaForCausalLM {
  const files = openModel(path);
  const { config, configPath: where } = files;
  const model = createDecoder(config, where);
  const expected = model.expectedTensors();
  const linear = model.linearLayers();
  const file = files.openWeights();
  try {
    const rename = checkDecoder(file, expected, config);
    const bnb = file instanceof BnbFile ? file : undefined;
    const stored = new Map([...file.tensors.keys()].map((name) => [rename(name), name]));
    bnb?.checkFor(
      [...linear.keys()].map((layer) => stored.get(`${layer}.weight`)!),
      quantization,
    );
    const scratch = scratchOf(quantization === 'none' || bnb ? [] : linear.values());
    const pack = (source: string, shape: number[]) => {
      if (bnb) return bnb.packed(source);
      const values = scratch(shape);
      readFloats(file, source, values);
      return quantize(values, shape as [number, number], quantization, source);
    };
    for (const [name, shape] of expected) {
      const layer = name.replace(/\.weight$/, '');
      const source = stored.get(name)!;
      const packed = quantization !== 'none' && linear.has(layer) ? pack(source, shape) : undefined;
      if (packed) {
        const tensors = nf4ToDevice(packed.matrix, packed.nested);
        for (const tensor of Object.values(tensors)) tf.keep(settled(tensor));
        model.quantized.set(layer, tensors);
      } else {
        model.weights.set(name, loadTensor(file, source, shape));
      }
    }
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    file.close();
  }
}

function quantize(
  values: Float32Array,
  shape: [number, number],
  quantization: Quantization,
  name: string,
): PackedWeight {
  const matrix = quantizeNf4(values, shape, name);
  return { matrix, nested: quantization === 'nf4-double' ? quantizeScales(matrix.absmax) : undefined };
}

/** The decoder that `config` (config.json) names, without weights. */
export function createDecoder(config: Readonly<Record<string, unknown>>, where: string): GemmaForCausalLM {
  const prefix = isMultimodal(config) ? MULTIMODAL_TEXT_MODEL : undefined;
  return new GemmaForCausalLM(parseGemmaConfig(config, where), prefix);
}

/**
 * Checks a decoder's weights against what its configuration asks for, before a byte of them is read.
 *
 * @returns our name of a tensor in the file
 */
export function checkDecoder(
  file: TensorFile,
  expected: ExpectedTensors,
  config: Readonly<Record<string, unknown>>,
): (name: string) => string {
  const multimodal = isMultimodal(config);
  const rename = multimodal ? textName : (name: string) => name;
  // the head is the embeddings once more: a copy in the file says nothing new
  const ignored = (name: string) => isUnused(name) || (multimodal && isBesideText(name));
  checkTensors(file, expected, rename, { optional: () => false, ignored });
  return rename;
}

/** One array for the values of each of several matrices, one after the other. */
function scratchOf(shapes: Iterable<readonly number[]>): (shape: readonly number[]) => Float32Array {
  const size = tf.util.sizeFromShape;
  const values = new Float32Array(Math.max(0, ...[...shapes].map((shape) => size([...shape]))));
  return (shape) => values.subarray(0, size([...shape]));
}

/** Writes config.json and model.safetensors into `folder`. */
export function saveModel(
  folder: string,
  config: Record<string, unknown>,
  weights: Weights,
  dtype: 'F32' | 'BF16' = 'F32',
): void {
  const tensors = weights.names().map((name): [string, tf.Tensor] => [name, weights.get(name)]);
  saveTensors(join(folder, 'model.safetensors'), tensors, dtype);
  writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
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
/**
 * What published files carry and the model doesn't use: buffers, pretraining heads, RoBERTa's pooler,
 * DeBERTa's absolute positions where positions are relative alone.
 */
const isUnused = (name: string) =>
  /position_ids$|^cls\.|^lm_predictions\.|^mask_predictions\.|^lm_head\.|rotary_emb/.test(name) ||
  /^(roberta\.)?pooler\.dense\.|^(deberta\.)?embeddings\.position_embeddings\.weight$/.test(name);

/** A tensor of a multimodal model's text model by its name alone: older and newer files put a prefix before it. */
const textName = (name: string) => name.replace(/^(model\.language_model|language_model\.model)\./, 'model.');
/** What a multimodal model has beside its text model, and another copy of the head. */
const isBesideText = (name: string) =>
  /^((model\.)?(vision_tower|multi_modal_projector)|language_model\.lm_head)\./.test(name);
