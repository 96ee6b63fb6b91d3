import type { GemmaConfig } from './config.js';

/** The linear layers by their names in transformers, without `.weight`: name → [out, in]. */
export function linearLayers(c: GemmaConfig): Map<string, [number, number]> {
  const { hidden_size: D, intermediate_size: inner } = c;
  const queries = c.num_attention_heads * c.head_dim;
  const keys = c.num_key_value_heads * c.head_dim;
  const layers = new Map<string, [number, number]>();
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const attention = `model.layers.${i}.self_attn`;
    layers.set(`${attention}.q_proj`, [queries, D]);
    layers.set(`${attention}.k_proj`, [keys, D]);
    layers.set(`${attention}.v_proj`, [keys, D]);
    layers.set(`${attention}.o_proj`, [D, queries]);
    const mlp = `model.layers.${i}.mlp`;
    layers.set(`${mlp}.gate_proj`, [inner, D]);
    layers.set(`${mlp}.up_proj`, [inner, D]);
    layers.set(`${mlp}.down_proj`, [D, inner]);
  }
  return layers;
}

/** Every tensor by its name in transformers, with its shape; the head is the embeddings once more. */
export function expectedTensors(c: GemmaConfig): Map<string, number[]> {
  const tensors = new Map<string, number[]>([['model.embed_tokens.weight', [c.vocab_size, c.hidden_size]]]);
  for (const [name, shape] of linearLayers(c)) tensors.set(`${name}.weight`, shape);
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const layer = `model.layers.${i}`;
    for (const norm of Object.values(c.norms)) tensors.set(`${layer}.${norm}.weight`, [c.hidden_size]);
    if (!c.queryKeyNorms) continue;
    for (const norm of ['q_norm', 'k_norm']) tensors.set(`${layer}.self_attn.${norm}.weight`, [c.head_dim]);
  }
  return tensors.set('model.norm.weight', [c.hidden_size]);
}
