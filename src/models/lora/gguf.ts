import { TruecastError } from '../../support/errors.js';
import { type GgufTensorToWrite, writeGguf } from '../formats/gguf/write.js';
import type { LoraAdapter } from './adapter.js';
import { adapterTensors } from './names.js';

/** Gemma's linear layers as llama.cpp calls them. */
const PARTS: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

/** general.file_type: what most tensors are (llama_ftype). */
const FILE_TYPES = { F32: 0, F16: 1 } as const;

export interface GgufLoraOptions {
  /** As llama.cpp calls the base's: gemma, gemma2, gemma3. */
  architecture: string;
  name: string;
  dtype: 'F32' | 'F16';
}

/**
 * Writes an adapter as the LoRA file that llama.cpp loads over a GGUF of the same base: the layout of its
 * convert_lora_to_gguf.py. llama.cpp scales each B A by alpha / rank with one alpha for all layers
 * (llama-adapter.h), so what a layer's scale differs by goes into its B.
 *
 * @throws TruecastError for DoRA, which the file cannot say
 */
export function writeGgufLora(
  path: string,
  adapter: LoraAdapter,
  { architecture, name, dtype }: GgufLoraOptions,
): void {
  const { config, layers, weights } = adapter;
  if (config.dora) {
    throw new TruecastError(
      'a GGUF file cannot say DoRA: llama.cpp knows no lengths of rows',
      'export the merged model: --format merged',
    );
  }
  const alphas = new Set([...layers.values()].map(({ scale, rank }) => scale * rank));
  const alpha = alphas.size === 1 ? [...alphas][0]! : config.alpha;
  const tensors = [...layers].flatMap(([layer, { scale, rank }]): GgufTensorToWrite[] => {
    const names = adapterTensors(layer);
    const target = `${ggufName(layer)}.weight`;
    const factor = Math.fround((scale * rank) / alpha);
    return [
      { name: `${target}.lora_a`, of: names.a, factor: 1 },
      { name: `${target}.lora_b`, of: names.b, factor },
    ].map(({ name, of, factor }) => {
      const { shape } = weights.get(of);
      const values = weights.get(of).dataSync() as Float32Array;
      return { name, dtype, shape, data: factor === 1 ? values : values.map((value) => value * factor) };
    });
  });
  writeGguf(
    path,
    [
      ['general.architecture', 'string', architecture],
      ['general.type', 'string', 'adapter'],
      ['general.name', 'string', name],
      ['general.file_type', 'uint32', FILE_TYPES[dtype]],
      ['adapter.type', 'string', 'lora'],
      ['adapter.lora.alpha', 'float32', alpha],
    ],
    tensors.sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

function ggufName(layer: string): string {
  const [, block, part] = /^model\.layers\.(\d+)\.(.+)$/.exec(layer) ?? [];
  if (part === undefined || !Object.hasOwn(PARTS, part)) throw new Error(`${layer} has no name in GGUF`);
  return `blk.${block}.${PARTS[part]}`;
}
