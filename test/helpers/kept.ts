import type * as tf from '../../src/backends/tf.js';
import { engineInternals } from '../../src/ops/autodiff.js';

/**
 * Within a differentiated function: the bytes that its tape keeps for the backward pass so far, each piece of
 * memory counted once, and none that `besides` holds anyway.
 */
export function keptBytes(besides: readonly tf.Tensor[]): number {
  const seen = new Set(besides.map(({ dataId }) => dataId));
  let bytes = 0;
  for (const { saved = [] } of engineInternals().state.activeTape ?? []) {
    for (const tensor of saved) {
      if (tensor.isDisposed || seen.has(tensor.dataId)) continue;
      seen.add(tensor.dataId);
      bytes += 4 * tensor.size;
    }
  }
  return bytes;
}
