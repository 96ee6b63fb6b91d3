import { absent, executeOpWithOutputs, type OpAttributes } from '../../backends/tensorflow/raw.js';
import * as tf from '../../backends/tf.js';
import { type LoraLinearAttributes, type LoraLinearInputs, loraLinearReads } from '../loraLinear.js';
import type { Kernel } from '../op.js';

/** One product: the weight is dequantised on its way into it, the adapter is more depth of it. */
export const loraLinearKernel: Kernel<LoraLinearInputs, LoraLinearAttributes> = {
  forward(inputs, attributes) {
    const none = absent('float32');
    const [weight, ...scales] = stored(inputs);
    const { a = none, b = none } = inputs;
    const [output, inner] = executeOpWithOutputs(
      'TruecastLinear',
      [inputs.x, weight!, none, ...scales, a, b],
      { ...options(inputs, attributes), out: { int: attributes.outFeatures } },
      2,
    );
    return { output: output!, kept: [inner!] };
  },
  // with an adapter the op gives all gradients or none
  reads: (needs, { a }) => [...loraLinearReads(needs), ...(a ? (['x'] as const) : [])],
  gradient(dy, inputs, attributes, _output, needs, [inner]) {
    const { a = absent('float32'), b = absent('float32') } = inputs;
    const [x, da, db] = executeOpWithOutputs(
      'TruecastLinearGrad',
      [dy, inputs.x ?? absent('float32'), ...stored(inputs), a, b, inner!],
      {
        ...options(inputs, attributes),
        in: { int: attributes.inFeatures },
        x_gradient: { bool: needs('x') },
      },
      3,
    );
    const weight = inputs.weight && needs('weight') ? tf.matMul(dy, inputs.x, true, false) : undefined;
    return { x, weight, ...(inputs.a ? { a: da, b: db } : {}) };
  },
};

/** The weight and the four parts of its scales, as the ops take them. */
function stored(inputs: LoraLinearInputs): tf.TensorInfo[] {
  const none = absent('float32');
  if (inputs.weight) return [inputs.weight, none, none, none, none];
  const { packed, absmax, absmaxPacked, nestedCode, nestedAbsmax, nestedOffset } = inputs;
  if (absmax) return [packed!, absmax, none, none, none];
  return [packed!, absmaxPacked!, nestedCode!, nestedAbsmax!, nestedOffset!];
}

function options(inputs: LoraLinearInputs, { scale = 1 }: LoraLinearAttributes): OpAttributes {
  return {
    format: { string: inputs.weight ? 'float32' : 'nf4' },
    scale: { float: scale },
    precision: { string: 'float32' },
  };
}
