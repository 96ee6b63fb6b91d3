import { settled } from '../backends/tensorflow/upload.js';
import * as tf from '../backends/tf.js';
import { BnbFile, type PackedWeight } from './bnb/file.js';
import { openModel } from './files.js';
import { readFloats, type TensorFile } from './formats/tensorFile.js';
import { isMultimodal, parseGemmaConfig } from './gemma/config.js';
import { GemmaForCausalLM } from './gemma/model.js';
import { MULTIMODAL_TEXT_MODEL } from './lora/names.js';
import { nf4ToDevice, type Quantization, quantizeNf4, quantizeScales } from './nf4.js';
import { checkTensors, type ExpectedTensors, isUnused, loadTensor } from './weights.js';

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
    const stored = new Map([...file.tensors.keys()].map((name) => [rename(name), name]));
    const bnb = file instanceof BnbFile ? file : undefined;
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

function quantize(
  values: Float32Array,
  shape: [number, number],
  quantization: Quantization,
  name: string,
): PackedWeight {
  const matrix = quantizeNf4(values, shape, name);
  return { matrix, nested: quantization === 'nf4-double' ? quantizeScales(matrix.absmax) : undefined };
}

/** A tensor of a multimodal model's text model by its name alone: older and newer files put a prefix before it. */
const textName = (name: string) => name.replace(/^(model\.language_model|language_model\.model)\./, 'model.');
/** What a multimodal model has beside its text model, and another copy of the head. */
const isBesideText = (name: string) =>
  /^((model\.)?(vision_tower|multi_modal_projector)|language_model\.lm_head)\./.test(name);
