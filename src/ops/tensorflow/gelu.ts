import { executeOp, executeOpWithOutputs } from '../../backends/tensorflow/raw.js';
import type { GegluInputs, GeluAttributes, GeluInputs } from '../gelu.js';
import type { Kernel } from '../op.js';

export const geluKernel: Kernel<GeluInputs, GeluAttributes> = {
  forward: ({ x }, attributes) => executeOp('TruecastGelu', [x], encode(attributes)),
  gradient: (dy, { x }, attributes) => ({ x: executeOp('TruecastGeluGrad', [dy, x], encode(attributes)) }),
};

export const gegluKernel: Kernel<GegluInputs, GeluAttributes> = {
  forward: ({ gate, up }, attributes) => executeOp('TruecastGeglu', [gate, up], encode(attributes)),
  gradient(dy, { gate, up }, attributes) {
    const [dgate, dup] = executeOpWithOutputs('TruecastGegluGrad', [dy, gate, up], encode(attributes), 2);
    return { gate: dgate, up: dup };
  },
};

function encode({ approximate }: GeluAttributes) {
  return { tanh: { bool: approximate === 'tanh' } };
}
