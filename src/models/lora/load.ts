import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '../../backends/tf.js';
import { TruecastError } from '../../support/errors.js';
import { readJson } from '../../support/files.js';
import { SafetensorsFile } from '../formats/safetensors.js';
import type { TensorFile } from '../formats/tensorFile.js';
import { TorchFile } from '../formats/torchFile.js';
import { LoraAdapter } from './adapter.js';
import type { AdaptedLayer, LoraConfig } from './config.js';
import { adapterTensors, prefixOf, spelledOut, TEXT_MODEL, underPrefix, withoutPrefix } from './names.js';
import { type AdapterBase, parsePeftConfig } from './peftConfig.js';
import { adaptedLayers, keysOf } from './targets.js';

/** Reads adapter_config.json of a PEFT folder. */
export function readAdapterConfig(folder: string): { config: LoraConfig; base: AdapterBase } {
  const path = join(folder, 'adapter_config.json');
  return parsePeftConfig(readJson(path, 'adapter configuration'), path);
}

/** Opens the tensors of a PEFT folder: safetensors, or the pickle that older versions of PEFT wrote. */
export function openAdapterTensors(folder: string): TensorFile {
  const path = join(folder, 'adapter_model.safetensors');
  const pickle = join(folder, 'adapter_model.bin');
  return !existsSync(path) && existsSync(pickle) ? TorchFile.open(pickle) : SafetensorsFile.open(path);
}

/** The layers that a PEFT folder has tensors for, by our names, as name → [out, in]: for use without the base. */
export function storedLayers(folder: string): Map<string, [number, number]> {
  const file = openAdapterTensors(folder);
  try {
    const prefix = prefixOf(file.tensors.keys());
    const layers = new Map<string, [number, number]>();
    for (const [name, { shape }] of file.tensors) {
      const layer = /^base_model\.model\.(.+)\.lora_A\.weight$/.exec(name)?.[1];
      if (layer === undefined || shape.length !== 2) continue;
      const out = file.tensors.get(adapterTensors(layer).b)?.shape[0];
      if (out !== undefined) layers.set(withoutPrefix(layer, prefix), [out, shape[1]!]);
    }
    return layers;
  } finally {
    file.close();
  }
}

/** Loads a PEFT folder for the layers of a base model, name → [out, in]; every misfit in one error. */
export function loadAdapter(folder: string, layers: ReadonlyMap<string, readonly number[]>): LoraAdapter {
  const { config: stored } = readAdapterConfig(folder);
  const file = openAdapterTensors(folder);
  try {
    const prefix = prefixOf(file.tensors.keys());
    const { config, adapted } = selection(stored, [...layers.keys()], prefix, folder);
    const tensors = checkFit(file, adapted, config.dora ?? false, layers, prefix);
    const adapter = new LoraAdapter(config, adapted, prefix);
    try {
      for (const [name, { source, shape }] of tensors)
        adapter.weights.set(name, tf.tensor(file.floats(source), shape));
      return adapter;
    } catch (error) {
      adapter.dispose();
      throw error;
    }
  } finally {
    file.close();
  }
}

/** The adapted layers, by our names, and the configuration that selects them by these. */
function selection(
  config: LoraConfig,
  names: readonly string[],
  prefix: string,
  folder: string,
): { config: LoraConfig; adapted: Map<string, AdaptedLayer> } {
  const path = join(folder, 'adapter_config.json');
  const ours = new Map(names.map((name) => [underPrefix(name, prefix), name]));
  const adapted = new Map(
    [...adaptedLayers(config, [...ours.keys()], keysOf(path))].map(([name, layer]) => [
      ours.get(name)!,
      layer,
    ]),
  );
  if (adapted.size === 0) {
    throw new TruecastError(
      `${path}: target_modules: ${JSON.stringify(config.targetModules)} is no layer of the base model`,
      'name the base model that it was trained on',
    );
  }
  return { config: prefix === TEXT_MODEL ? config : spelledOut(config, adapted), adapted };
}

/** The tensors that the adapter needs, by our names, once all are there with the right shapes and no others. */
function checkFit(
  file: TensorFile,
  adapted: ReadonlyMap<string, AdaptedLayer>,
  dora: boolean,
  layers: ReadonlyMap<string, readonly number[]>,
  prefix: string,
): Map<string, { source: string; shape: number[] }> {
  const expected = new Map<string, { source: string; shape: number[] }>();
  for (const [layer, { rank }] of adapted) {
    const [out, inputs] = layers.get(layer) as [number, number];
    const ours = adapterTensors(layer);
    const theirs = adapterTensors(underPrefix(layer, prefix));
    expected.set(ours.a, { source: theirs.a, shape: [rank, inputs] });
    expected.set(ours.b, { source: theirs.b, shape: [out, rank] });
    if (dora) expected.set(ours.magnitude, { source: theirs.magnitude, shape: [out] });
  }
  const wanted = new Set([...expected.values()].map(({ source }) => source));
  const problems = [...expected.values()].flatMap(({ source, shape }) => {
    const info = file.tensors.get(source);
    if (!info) return [`missing: ${source} [${shape}]`];
    return info.shape.join() === shape.join()
      ? []
      : [`${source} is [${info.shape}], the base model wants [${shape}]`];
  });
  for (const name of file.tensors.keys()) if (!wanted.has(name)) problems.push(`unexpected: ${name}`);
  if (problems.length > 0) {
    throw new TruecastError(
      `${file.path} does not fit the base model:\n  ${problems.join('\n  ')}`,
      'name the base model that it was trained on',
    );
  }
  return expected;
}
