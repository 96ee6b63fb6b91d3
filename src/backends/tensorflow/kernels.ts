import * as tf from '../tf.js';
import { executeOp } from './raw.js';

/** Kernels of tfjs-node that are replaced or added. */
export function replaceKernels(): void {
  register(tf.GatherV2, gather);
  register(tf.BitwiseAnd, ({ a, b }) => executeOp('BitwiseAnd', [a!, b!]));
}

type Kernel = (inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap) => tf.TensorInfo;

function register(kernelName: string, kernel: Kernel): void {
  if (tf.getKernel(kernelName, 'tensorflow') !== undefined) tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) => kernel(inputs as tf.NamedTensorInfoMap, attrs as tf.NamedAttrMap),
  });
}

/** tfjs-node's reads the indices back and checks each in JavaScript; TensorFlow's op checks them itself. */
const gather: Kernel = ({ x, indices }, { axis, batchDims }) => {
  const axisTensor = tf.scalar(axis as number, 'int32');
  const result = executeOp('GatherV2', [x!, indices!, axisTensor], {
    batch_dims: { int: batchDims as number },
  });
  axisTensor.dispose();
  return result;
};
