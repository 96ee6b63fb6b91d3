import type * as tf from '../backends/tf.js';
import { engineInternals, gradientNeeded, valueAndGradients } from './autodiff.js';

/**
 * Gradient checkpointing: runs `f(inputs)` keeping only the inputs, and runs it again in the backward pass.
 *
 * @param f a pure function; besides its inputs it may read tensors that outlive the backward pass
 * @param inputs every tensor made in this forward pass that `f` reads (hidden states, masks, …)
 * @param parameters the trained tensors that `f` reads; one that is not listed gets no gradient
 */
export function recompute(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  parameters: readonly tf.Tensor[],
): tf.Tensor {
  const named: Record<string, tf.Tensor> = {};
  inputs.forEach((input, i) => {
    named[`x${i}`] = input;
  });
  parameters.forEach((parameter, i) => {
    named[`p${i}`] = parameter;
  });
  return engineInternals().runKernelFunc({
    inputs: named,
    forwardFunc: (_backend, save) => {
      save([...inputs]);
      return f(...inputs);
    },
    backwardsFunc: (dy, saved) => {
      const names = Object.keys(named).filter((name) => gradientNeeded(name));
      const xs = names.map((name) => (name.startsWith('x') ? saved[Number(name.slice(1))]! : named[name]!));
      const { value, gradients } = valueAndGradients(() => f(...saved), xs, dy);
      value.dispose();
      return Object.fromEntries(names.map((name, i) => [name, () => gradients[i]!]));
    },
  });
}
