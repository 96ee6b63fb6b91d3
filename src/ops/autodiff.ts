import * as tf from '../backends/tf.js';

/**
 * Reverse-mode differentiation over TensorFlow.js's tape, with a sweep of our own. Against `tf.grads` it
 * frees what a node saved, and the gradients of its outputs, as soon as the node is done (tf.grads keeps
 * all of them until the end), tells an op which of its inputs need a gradient, and may be nested: a
 * gradient function may itself differentiate, which gradient checkpointing does.
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
  const tape: TapeNode[] = [];
  let value: T;
  state.activeTape = tape;
  state.gradientDepth = 1;
  state.kernelDepth = 0;
  try {
    value = tf.tidy(f);
  } catch (error) {
    for (const node of tape) for (const tensor of node.saved ?? []) tensor.dispose();
    throw error;
  } finally {
    state.activeTape = outer.tape;
    state.gradientDepth = outer.depth;
    state.kernelDepth = outer.kernelDepth;
  }
  // The sweep's own arithmetic must not be taped by an enclosing differentiation.
  state.gradientDepth = 0;
  try {
    return { value, gradients: sweep(tape, value, xs, dy) };
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

function sweep(tape: TapeNode[], value: tf.Tensor, xs: readonly tf.Tensor[], dy?: tf.Tensor): tf.Tensor[] {
  const dependsOnXs = new Set(xs.map((x) => x.id));
  const onPath = tape.map((node) => {
    const depends = Object.values(node.inputs).some((input) => dependsOnXs.has(input.id));
    if (depends) for (const output of node.outputs) dependsOnXs.add(output.id);
    return depends;
  });
  const wanted = new Set(xs.map((x) => x.id));
  const gradients = new Map<number, tf.Tensor>();
  gradients.set(value.id, dy ? dy.clone() : tf.onesLike(value));
  try {
    for (let i = tape.length - 1; i >= 0; i--) {
      const node = tape[i]!;
      if (onPath[i]) backpropagate(node, gradients, dependsOnXs);
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

function backpropagate(node: TapeNode, gradients: Map<number, tf.Tensor>, dependsOnXs: Set<number>): void {
  const dys = node.outputs.map((output) => gradients.get(output.id) ?? null);
  if (dys.every((dy) => dy === null)) return;
  const names = Object.keys(node.inputs).filter((name) => dependsOnXs.has(node.inputs[name]!.id));
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
