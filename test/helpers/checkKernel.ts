import { useKernelLibrary } from '../../src/backends/tensorflow/kernelLibrary.js';
import * as tf from '../../src/backends/tf.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { expectClose } from './compare.js';

export interface KernelCheck<N extends string> {
  inputs: Record<N, tf.Tensor>;
  run(inputs: Record<N, tf.Tensor>): tf.Tensor;
  gradients: readonly NoInfer<N>[];
  /** Tolerated |kernel − composition| / (1 + |composition|), of the output and of each gradient. */
  tolerance: number;
}

/**
 * Compares truecast's own kernel of an op with the composition of tfjs ops, at sizes for which differences in
 * float64 (checkOp) take too long. Disposes the inputs; throws where anything stays on the device.
 */
export function checkKernel<N extends string>({ inputs, run, gradients, tolerance }: KernelCheck<N>): void {
  const xs = gradients.map((name) => inputs[name]);
  const probe = run(inputs);
  const dy = tf.randomNormal(probe.shape, 0, 1, 'float32', 7);
  const before = tf.memory().numTensors;
  const compute = () => {
    const result = valueAndGradients(() => run(inputs), xs, dy);
    return [result.value, ...result.gradients];
  };
  const own = compute();
  useKernelLibrary(false);
  try {
    const composed = compute();
    own.forEach((tensor, i) => {
      expectClose(
        tensor,
        composed[i]!.dataSync(),
        tolerance,
        i === 0 ? 'output' : `gradient of ${gradients[i - 1]}`,
      );
    });
    tf.dispose([own, composed]);
  } finally {
    useKernelLibrary(true);
  }
  const left = tf.memory().numTensors - before;
  tf.dispose([probe, dy, inputs]);
  if (left !== 0) throw new Error(`${left} tensors are left on the device`);
}
