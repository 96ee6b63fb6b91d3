import { join } from 'node:path';
import { NESTED_BLOCK, NF4_BLOCK, NF4_CODES, type Nf4Tensors } from '../../ops/nf4.js';
import { TruecastError } from '../../support/errors.js';
import { TORCH_DTYPES, writeCompanions } from '../companions.js';
import type { ModelFiles } from '../files.js';
import { type TensorToWrite, writeSafetensors } from '../formats/safetensorsWriter.js';
import { textConfig } from '../gemma/config.js';
import { wordsBytes } from '../nf4.js';
import type { Weights } from '../weights.js';
import { writeBnbConfig } from './config.js';
import { ABSMAX, NESTED_ABSMAX, NESTED_QUANT_MAP, NF4_STATE, QUANT_MAP, stateBytes } from './state.js';

/** A model whose linear layers are packed, all or some. */
export interface PackedModel {
  readonly weights: Weights;
  readonly quantized: ReadonlyMap<string, Nf4Tensors>;
  linearLayers(): ReadonlyMap<string, readonly [out: number, inputs: number]>;
}

/**
 * Writes a model into `folder` as transformers' save_pretrained does for one loaded with load_in_4bit and nf4:
 * packed layers as they are, everything else as `dtype`, with the configuration and tokenizer of `files`. Of a
 * multimodal model it is the text model alone.
 *
 * @param files what the model was loaded from
 * @throws TruecastError where no layer is packed
 */
export function saveBnb4bit(
  folder: string,
  files: ModelFiles,
  model: PackedModel,
  dtype: keyof typeof TORCH_DTYPES = 'F32',
): void {
  const tensors: [string, TensorToWrite][] = [];
  const skipped: string[] = [];
  let kind: 'nf4' | 'nf4-double' | undefined;
  for (const [layer, shape] of model.linearLayers()) {
    const packed = model.quantized.get(layer);
    if (!packed) {
      skipped.push(layer);
      continue;
    }
    kind ??= packed.absmax ? 'nf4' : 'nf4-double';
    tensors.push(...packedTensors(`${layer}.weight`, shape, packed, TORCH_DTYPES[dtype]));
  }
  if (!kind) {
    throw new TruecastError(
      'no layer of the model is packed in NF4',
      'load it with quantization nf4 or nf4-double',
    );
  }
  for (const name of model.weights.names()) {
    const tensor = model.weights.get(name);
    tensors.push([name, { dtype, shape: tensor.shape, data: tensor.dataSync() as Float32Array }]);
  }
  tensors.sort(([a], [b]) => (a < b ? -1 : 1));
  // a list replaces what transformers skips of itself: the head
  const list = skipped.length > 0 ? ['lm_head', ...skipped] : null;
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
  const quantization = writeBnbConfig(kind, TORCH_DTYPES[dtype], list);
  writeCompanions(files, folder, dtype, (config) => ({
    ...textConfig(config, files.configPath),
    quantization_config: quantization,
  }));
}

function packedTensors(
  name: string,
  shape: readonly [number, number],
  weight: Nf4Tensors,
  torchName: string,
): [string, TensorToWrite][] {
  const size = shape[0] * shape[1];
  const bytes = (key: string, data: Uint8Array, dims = [data.length]): [string, TensorToWrite] => [
    name + key,
    { dtype: 'U8', shape: dims, data },
  ];
  const floats = (key: string, data: Float32Array): [string, TensorToWrite] => [
    name + key,
    { dtype: 'F32', shape: [data.length], data },
  ];
  const codes = wordsBytes(weight.packed, Math.ceil(size / 2));
  const tensors = [bytes('', codes, [codes.length, 1]), floats(QUANT_MAP, NF4_CODES)];
  if (weight.absmax) {
    const absmax = weight.absmax.dataSync() as Float32Array;
    return [...tensors, floats(ABSMAX, absmax), bytes(NF4_STATE, stateBytes(shape, torchName))];
  }
  const { absmaxPacked, nestedCode, nestedAbsmax, nestedOffset } = weight;
  if (!absmaxPacked || !nestedCode || !nestedAbsmax || !nestedOffset)
    throw new Error(`${name} lacks parts of its second quantisation`);
  const blocks = Math.ceil(size / NF4_BLOCK);
  const outer = nestedAbsmax.dataSync() as Float32Array;
  if (outer.length !== Math.ceil(blocks / NESTED_BLOCK))
    throw new Error(`${name} has ${outer.length} scales`);
  return [
    ...tensors,
    bytes(ABSMAX, wordsBytes(absmaxPacked, blocks)),
    floats(NESTED_QUANT_MAP, nestedCode.dataSync() as Float32Array),
    floats(NESTED_ABSMAX, outer),
    bytes(NF4_STATE, stateBytes(shape, torchName, nestedOffset.dataSync()[0]!)),
  ];
}
