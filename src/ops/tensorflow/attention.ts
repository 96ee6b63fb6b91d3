import { executeOpWithOutputs, type OpAttributes } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import type { AttentionAttributes, AttentionInputs } from '../attention.js';
import type { Kernel } from '../op.js';
import { absent, dropoutKey } from './optional.js';

/** Tile by tile: scores are never held, and the backward pass makes them again from their log Σ exp. */
export const attentionKernel: Kernel<AttentionInputs, AttentionAttributes> = {
  forward(inputs, attributes, taped) {
    const [output, lse] = executeOpWithOutputs(
      'TruecastAttention',
      given(inputs, attributes),
      encoded(attributes),
      2,
    ) as [tf.Tensor, tf.Tensor];
    return taped ? { output, kept: [output, lse] } : output;
  },
  gradient(dy, inputs, attributes, _output, needs, [output, lse]) {
    const [q, k, v] = executeOpWithOutputs(
      'TruecastAttentionGrad',
      [dy, ...given(inputs, attributes), output!, lse!],
      encoded(attributes),
      3,
    );
    return {
      q: needs('q') ? q : undefined,
      k: needs('k') ? k : undefined,
      v: needs('v') ? v : undefined,
    };
  },
};

function given(
  { q, k, v, segments, positions }: AttentionInputs,
  { window, dropout }: AttentionAttributes,
): tf.Tensor[] {
  if (window !== undefined && !positions) throw new Error('a window of attention needs positions');
  return [q, k, v, segments, positions ?? absent('int32'), dropoutKey(dropout)];
}

function encoded({ scale, cap, causal, window, dropout }: AttentionAttributes): OpAttributes {
  return {
    scale: { float: scale },
    cap: { float: cap ?? 0 },
    causal: { bool: causal ?? false },
    window: { int: window ?? 0 },
    rate: { float: dropout?.rate ?? 0 },
  };
}
