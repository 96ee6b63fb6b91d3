import { executeOpWithOutputs, type OpAttributes } from '../../backends/tensorflow/raw.js';
import type * as tf from '../../backends/tf.js';
import type {
  DisentangledAttentionAttributes,
  DisentangledAttentionInputs,
} from '../disentangledAttention.js';
import type { Kernel } from '../op.js';
import { absent, dropoutKey } from './optional.js';

/** Tile by tile, the relative terms too: of distances, only those that a tile has. */
export const disentangledAttentionKernel: Kernel<
  DisentangledAttentionInputs,
  DisentangledAttentionAttributes
> = {
  forward(inputs, attributes, taped) {
    const [output, lse] = executeOpWithOutputs(
      'TruecastDisentangledAttention',
      given(inputs, attributes),
      encoded(attributes),
      2,
    ) as [tf.Tensor, tf.Tensor];
    return taped ? { output, kept: [output, lse] } : output;
  },
  gradient(dy, inputs, attributes, _output, needs, [output, lse]) {
    const gradients = executeOpWithOutputs(
      'TruecastDisentangledAttentionGrad',
      [dy, ...given(inputs, attributes), output!, lse!],
      encoded(attributes),
      5,
    );
    const names = ['q', 'k', 'v', 'relativeKeys', 'relativeQueries'] as const;
    return Object.fromEntries(
      names.map((name, i) => [name, inputs[name] && needs(name) ? gradients[i] : undefined]),
    );
  },
};

function given(
  inputs: DisentangledAttentionInputs,
  { dropout }: DisentangledAttentionAttributes,
): tf.Tensor[] {
  const { q, k, v, relativeKeys, relativeQueries, c2p, p2c, segments } = inputs;
  const tables = [relativeKeys ?? absent(), relativeQueries ?? absent()];
  const indices = [c2p ?? absent('int32'), p2c ?? absent('int32')];
  return [q, k, v, ...tables, ...indices, segments, dropoutKey(dropout)];
}

function encoded({ scale, dropout }: DisentangledAttentionAttributes): OpAttributes {
  return { scale: { float: scale }, rate: { float: dropout?.rate ?? 0 } };
}
