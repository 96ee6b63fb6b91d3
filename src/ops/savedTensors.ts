import * as tf from '../backends/tf.js';

/** Per tensor that a kernel has saved, whether a gradient reads its values, not its shape alone. */
type Reads = (flows: (input: string) => boolean) => readonly boolean[];

const shapesAlone: Reads = () => [];

/** What the gradients of TensorFlow.js's own kernels read, of those that save more: others keep what they saved. */
const READS: Record<string, Reads> = {
  Add: shapesAlone,
  AddN: shapesAlone,
  Sub: shapesAlone,
  Sum: shapesAlone,
  Mean: shapesAlone,
  Reshape: shapesAlone,
  ExpandDims: shapesAlone,
  Slice: shapesAlone,
  PadV2: shapesAlone,
  Concat: shapesAlone,
  BatchMatMul: (flows) => [flows('b'), flows('a')],
  Multiply: (flows) => [flows('b'), flows('a')],
  RealDiv: (flows) => [flows('b'), true],
};

/**
 * Lets go of what a kernel has saved and no gradient will read. Shapes stay; were values read after all, the
 * kernel that reads them would fail.
 *
 * @param flows whether a gradient flows to the kernel's input of that name
 */
export function disposeUnread(
  kernelName: string,
  saved: readonly tf.Tensor[],
  flows: (input: string) => boolean,
): void {
  const read = READS[kernelName]?.(flows);
  if (read) tf.dispose(saved.filter((_, i) => !read[i]));
}
