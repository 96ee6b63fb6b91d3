import type { AdaptedLayer, LoraConfig } from './config.js';

/** Where the text model is in the classes that PEFT adapts: alone, in a multimodal Gemma 3, and in older ones. */
export const TEXT_MODEL = 'model.';
export const MULTIMODAL_TEXT_MODEL = 'model.language_model.';
const PREFIXES = [TEXT_MODEL, MULTIMODAL_TEXT_MODEL, 'language_model.model.'];

/** The adapter's tensors of a layer, as PEFT's file names them. */
export function adapterTensors(layer: string): { a: string; b: string; magnitude: string } {
  const name = `base_model.model.${layer}`;
  return {
    /** [r, in] */
    a: `${name}.lora_A.weight`,
    /** [out, r] */
    b: `${name}.lora_B.weight`,
    /** [out], of DoRA */
    magnitude: `${name}.lora_magnitude_vector`,
  };
}

/** The prefix of the text model in a file with tensors of these names. */
export function prefixOf(tensors: Iterable<string>): string {
  const names = [...tensors];
  const has = (prefix: string) => names.some((name) => name.startsWith(`base_model.model.${prefix}layers.`));
  return PREFIXES.find(has) ?? TEXT_MODEL;
}

/** Our name of a layer or of an adapter's tensor as a file with this prefix has it. */
export function underPrefix(name: string, prefix: string): string {
  return name.replace(/^(base_model\.model\.)?model\./, (_, outer = '') => outer + prefix);
}

/** The reverse of underPrefix. */
export function withoutPrefix(layer: string, prefix: string): string {
  return layer.startsWith(prefix) ? TEXT_MODEL + layer.slice(prefix.length) : layer;
}

/** A configuration that says the same of each of these layers without patterns, which are for other names. */
export function spelledOut(config: LoraConfig, layers: ReadonlyMap<string, AdaptedLayer>): LoraConfig {
  const { rank, alpha, dropout, rslora, dora = false } = config;
  const others = (value: (layer: AdaptedLayer) => number, usual: number) =>
    Object.fromEntries(
      [...layers]
        .filter(([, layer]) => value(layer) !== usual)
        .map(([name, layer]) => [name.replaceAll('.', '\\.'), value(layer)]),
    );
  return {
    ...{ rank, alpha, dropout, rslora, dora },
    targetModules: [...layers.keys()],
    rankPattern: others((layer) => layer.rank, rank),
    alphaPattern: others((layer) => layer.alpha, alpha),
  };
}
