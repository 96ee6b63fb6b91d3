import type { Architecture } from './config.js';

const MODEL: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

const LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
  post_ffw_norm: 'post_feedforward_layernorm',
};

/** Gemma 1 has a norm before attention and one before the MLP, and calls the latter by what precedes it. */
const FIRST: Readonly<Record<string, string>> = { ...LAYER, ffn_norm: 'post_attention_layernorm' };

/** A tensor's name in transformers; one that no Gemma has stays as it is, so that it is listed as unexpected. */
export function tensorName(name: string, architecture: Architecture): string {
  const [, block, part, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (part === undefined) return name;
  const table = block === undefined ? MODEL : architecture === 'gemma' ? FIRST : LAYER;
  if (!Object.hasOwn(table, part)) return name;
  const prefix = block === undefined ? '' : `model.layers.${block}.`;
  return `${prefix}${table[part]}.${kind}`;
}

/** llama.cpp's converter adds one to the weights of Gemma's norms; transformers adds it while it computes. */
export const isShifted = (name: string): boolean => name.endsWith('norm.weight');
