import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeShardedSafetensors } from '../../src/models/formats/shardWriter.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { randomKey, uniformAt } from '../../src/support/random.js';

/** A Gemma of 96 million weights in bfloat16: four shards of some 48 MB, the embeddings being most of one. */
export const BIG_CONFIG = {
  model_type: 'gemma',
  vocab_size: 20000,
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 5,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  head_dim: 256,
};

/** Writes it; its weights are one run of noise, from another place for each tensor. */
export function writeBigCheckpoint(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(BIG_CONFIG));
  const noise = Float32Array.from(
    { length: 2 ** 16 },
    (_, i) => 0.1 * (uniformAt(randomKey('big'), i) - 0.5),
  );
  const data = (size: number) => {
    const values = new Float32Array(size);
    for (let first = 0; first < size; first += noise.length)
      values.set(noise.subarray(0, Math.min(noise.length, size - first)), first);
    return values;
  };
  const tensors = new GemmaForCausalLM(parseGemmaConfig(BIG_CONFIG)).expectedTensors();
  return writeShardedSafetensors(
    folder,
    [...tensors].map(([name, shape]) => [
      name,
      { dtype: 'BF16', shape, data: () => data(shape.reduce((product, n) => product * n, 1)) },
    ]),
    { maxShardBytes: 56e6 },
  );
}
