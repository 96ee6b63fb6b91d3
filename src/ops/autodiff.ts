import * as tf from '../backends/tf.js';
import { disposeUnread } from './savedTensors.js';

/**
 * Reverse-mode differentiation over TensorFlow.js's tape, with a sweep of our own. Against `tf.grads` it
 * keeps between the passes only what the gradients that are wanted will read (tf.grads keeps whatever any
 * gradient of any op might), frees what a node saved, and the gradients of its outputs, as soon as the node is
 * done (tf.grads keeps all of them until the end), tells an op which of its inputs need a gradient, and may be
 * nested: a gradient function may itself differentiate, which gradient checkpointing does.
 */

interface TapeNode {
  kernelName: string;
  inputs: Record<string, tf.Tensor>;
  outputs: tf.Tensor[];
  gradient?: (dys: (tf.Tensor | null)[]) => Record<string, () => tf.Tensor>;
  saved?: tf.Tensor[];
}

/** What this file and run.ts use of tfjs-core's engine beyond its public types. */
export interface EngineInternals {
  state: { activeTape: TapeNode[] | null; gradientDepth: number; kernelDepth: number };
  runKernelFunc(call: {
    forwardFunc: (backend: unknown, save: (tensors: tf.Tensor[]) => void) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
    inputs: Record<string, tf.Tensor>;
  }): tf.Tensor;
}

export function engineInternals(): EngineInternals {
  return tf.engine() as unknown as EngineInternals;
}

let needed: ReadonlySet<string> | undefined;

/** Ids of the tensors that the innermost differentiation's xs lead to, while it tapes. */
let onPath: Set<number> | undefined;

/** Whether what runs now is taped: neither untaped altogether, nor a part of an op that tapes itself. */
export function isTaping(): boolean {
  const { gradientDepth, kernelDepth } = engineInternals().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

/** While taping: whether a gradient will flow to the tensor. */
export function gradientFlows(tensor: tf.Tensor): boolean {
  return onPath === undefined || onPath.has(tensor.id);
}

/** Within a gradient function: whether the named input's gradient is wanted. */
export function gradientNeeded(input: string): boolean {
  return needed === undefined || needed.has(input);
}

/**
 * The value of `f()` and the gradients of Σ value·dy by each of `xs` (dy: ones where not given).
 * `xs` that the value does not depend on get zeros. Everything returned belongs to the caller.
 */
export function valueAndGradients<T extends tf.Tensor>(
  f: () => T,
  xs: readonly tf.Tensor[],
  dy?: tf.Tensor,
): { value: T; gradients: tf.Tensor[] } {
  const { state } = engineInternals();
  const outer = { tape: state.activeTape, depth: state.gradientDepth, kernelDepth: state.kernelDepth };
  const path = new Set(xs.map((x) => x.id));
  const outerPath = onPath;
  const tape = economicalTape(path);
  let value: T;
  state.activeTape = tape;
  state.gradientDepth = 1;
  state.kernelDepth = 0;
  onPath = path;
  try {
    value = tf.tidy(f);
  } catch (error) {
    for (const node of tape) for (const tensor of node.saved ?? []) tensor.dispose();
    throw error;
  } finally {
    state.activeTape = outer.tape;
    state.gradientDepth = outer.depth;
    state.kernelDepth = outer.kernelDepth;
    onPath = outerPath;
  }
  // The sweep's own arithmetic must not be taped by an enclosing differentiation.
  state.gradientDepth = 0;
  try {
    return { value, gradients: sweep(tape, path, value, xs, dy) };
  } catch (error) {
    value.dispose();
    throw error;
  } finally {
    state.gradientDepth = outer.depth;
  }
}

/** Runs `f` off the tape: no gradient flows through what it returns, which belongs to the scope around. */
export function detached<T extends tf.TensorContainer>(f: () => T): T {
  const { state } = engineInternals();
  const depth = state.gradientDepth;
  state.gradientDepth = 0;
  try {
    return tf.tidy(f);
  } finally {
    state.gradientDepth = depth;
  }
}

/** A tape that takes only nodes on the way from the xs, whose ids `path` holds, and of these no more than is read. */
function economicalTape(path: Set<number>): TapeNode[] {
  const tape: TapeNode[] = [];
  tape.push = (...nodes) => {
    for (const node of nodes) {
      const { inputs, outputs, saved = [] } = node;
      const flows = (input: string) => path.has(inputs[input]!.id);
      if (!Object.keys(inputs).some(flows)) {
        tf.dispose(saved);
        continue;
      }
      for (const output of outputs) path.add(output.id);
      disposeUnread(node.kernelName, saved, flows);
      tape[tape.length] = node;
    }
    return tape.length;
  };
  return tape;
}

function sweep(
  tape: readonly TapeNode[],
  path: ReadonlySet<number>,
  value: tf.Tensor,
  xs: readonly tf.Tensor[],
  dy?: tf.Tensor,
): tf.Tensor[] {
  const wanted = new Set(xs.map((x) => x.id));
  const gradients = new Map<number, tf.Tensor>();
  gradients.set(value.id, dy ? dy.clone() : tf.onesLike(value));
  try {
    for (let i = tape.length - 1; i >= 0; i--) {
      const node = tape[i]!;
      backpropagate(node, gradients, path);
      for (const tensor of node.saved ?? []) tensor.dispose();
      node.saved = [];
      for (const output of node.outputs) {
        if (wanted.has(output.id)) continue;
        gradients.get(output.id)?.dispose();
        gradients.delete(output.id);
      }
    }
    return xs.map((x) => {
      const gradient = gradients.get(x.id);
      return gradient ? gradient.clone() : tf.zerosLike(x);
    });
  } finally {
    for (const node of tape) for (const tensor of node.saved ?? []) tensor.dispose();
    for (const gradient of gradients.values()) gradient.dispose();
  }
}

function backpropagate(node: TapeNode, gradients: Map<number, tf.Tensor>, path: ReadonlySet<number>): void {
  const dys = node.outputs.map((output) => gradients.get(output.id) ?? null);
  if (dys.every((dy) => dy === null)) return;
  const names = Object.keys(node.inputs).filter((name) => path.has(node.inputs[name]!.id));
  const { gradient } = node;
  if (!gradient) throw new Error(`no gradient is registered for ${node.kernelName}`);
  const outerNeeded = needed;
  needed = new Set(names);
  let results: tf.Tensor[];
  try {
    results = tf.tidy(() => {
      const thunks = gradient(dys);
      return names.map((name) => {
        const thunk = thunks[name];
        if (!thunk) throw new Error(`${node.kernelName} has no gradient for its input ${name}`);
        return tf.tidy(thunk);
      });
    });
  } finally {
    needed = outerNeeded;
  }
  names.forEach((name, i) => {
    const input = node.inputs[name]!;
    const dx = results[i]!;
    if (!tf.util.arraysEqual(dx.shape, input.shape)) {
      tf.dispose(results);
      throw new Error(
        `${node.kernelName}: gradient of ${name} is [${dx.shape}], its input is [${input.shape}]`,
      );
    }
    const sum = gradients.get(input.id);
    if (sum) {
      gradients.set(input.id, tf.add(sum, dx));
      sum.dispose();
      dx.dispose();
    } else {
      gradients.set(input.id, dx);
    }
  });
}
