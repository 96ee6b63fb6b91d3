import { type BackendName, currentBackend } from '../backends/select.js';
import { hasKernelLibrary } from '../backends/tensorflow/kernelLibrary.js';
import * as tf from '../backends/tf.js';
import { engineInternals, gradientFlows, gradientNeeded, isTaping } from './autodiff.js';

/** Named tensors; `undefined` where an optional one is absent. */
export type Tensors = { [name: string]: tf.Tensor | undefined };

/** Gradients by input name, of the inputs that `needs` asks for. */
export type Gradients<I> = { [K in keyof I]?: tf.Tensor };

/** An output with what else the backward pass wants of the forward pass. */
export interface WithKept {
  output: tf.Tensor;
  kept: tf.Tensor[];
}

/** One way to compute an op: forward, and the gradient of its differentiable inputs. */
export interface Kernel<I, A, O = tf.Tensor> {
  /** @param taped whether a backward pass through this op may follow */
  forward(inputs: I, attributes: A, taped: boolean): O | (O extends tf.Tensor ? WithKept : never);
  /**
   * The inputs whose values the gradient reads where those that `needs` names are wanted; all of them where this
   * is left out. Others are not kept for the backward pass, and `gradient` gets `undefined` for them.
   */
  reads?(needs: (input: keyof I) => boolean, inputs: I): readonly (keyof I)[];
  /**
   * From the gradient of the output to those of the inputs; returns tensors of its own (`dy.clone()`,
   * never `dy`). null: the op is not differentiable.
   */
  gradient:
    | ((
        dy: tf.Tensor,
        inputs: I,
        attributes: A,
        output: tf.Tensor,
        needs: (input: keyof I) => boolean,
        kept: tf.Tensor[],
      ) => Gradients<I>)
    | null;
  /** Set by `native`: what runs where truecast's kernel library was not built; null: the reference. */
  readonly otherwise?: Kernel<I, A, O> | null;
}

/** A kernel that calls truecast's own TensorFlow ops (`kernels/`). */
export function native<I, A, O = tf.Tensor>(
  kernel: Kernel<I, A, O>,
  otherwise: Kernel<I, A, O> | null = null,
): Kernel<I, A, O> {
  return { ...kernel, otherwise };
}

/**
 * A project op: a reference made of tfjs ops, with its gradient, and a kernel of its own per backend, or
 * null where that backend runs the reference. Every backend must be answered for.
 */
export interface Op<I, A, O = tf.Tensor> extends Kernel<I, A, O> {
  /** Whether the gradient reads the output: it is kept for the backward pass then. */
  readonly keepsOutput: boolean;
  readonly kernels: Record<BackendName, Kernel<I, A, O> | null>;
}

/** No kernels of its own: every backend runs the reference. */
export const composed = { tensorflow: null, wasm: null, cpu: null } as const;

/** Runs an op on the current backend, and tapes it for differentiation. */
export function run<I extends Tensors, A>(op: Op<I, A>, inputs: I, attributes: A): tf.Tensor {
  const kernel = kernelOf(op);
  const names = Object.keys(inputs).filter((name) => inputs[name] !== undefined);
  const given = Object.fromEntries(names.map((name) => [name, inputs[name]!]));
  const flows = (input: keyof I) =>
    given[input as string] !== undefined && gradientFlows(given[input as string]!);
  const taped = isTaping() && names.some(flows);
  const read = taped ? readInputs(kernel, names, inputs, flows) : [];
  return engineInternals().runKernelFunc({
    inputs: given,
    forwardFunc: (_backend, save) => {
      const result = kernel.forward(inputs, attributes, taped);
      const { output, kept } = result instanceof tf.Tensor ? { output: result, kept: [] } : result;
      if (taped) save([...read.map((name) => given[name]!), ...(op.keepsOutput ? [output] : []), ...kept]);
      return output;
    },
    backwardsFunc: (dy, saved) => {
      if (!kernel.gradient) throw new Error('this op is not differentiable');
      const savedInputs = Object.fromEntries(read.map((name, i) => [name, saved[i]])) as I;
      const output = op.keepsOutput ? saved[read.length]! : dy;
      const kept = saved.slice(read.length + (op.keepsOutput ? 1 : 0));
      const needs = (input: keyof I) => gradientNeeded(input as string);
      const gradients = kernel.gradient(dy, savedInputs, attributes, output, needs, kept);
      return Object.fromEntries(
        names.map((name) => [
          name,
          () => {
            const gradient = gradients[name];
            if (!gradient) throw new Error(`the op gives no gradient for its input ${name}`);
            return gradient;
          },
        ]),
      );
    },
  });
}

/** Of the inputs that are there, those that the kernel's gradient reads. */
function readInputs<I, A>(
  kernel: Kernel<I, A>,
  names: readonly string[],
  inputs: I,
  flows: (input: keyof I) => boolean,
): readonly string[] {
  if (!kernel.reads) return names;
  const read = new Set<PropertyKey>(kernel.reads(flows, inputs));
  return names.filter((name) => read.has(name));
}

/** Runs an op that is not differentiable, of lists of tensors or of several outputs, on the current backend. */
export function runUntaped<I, A, O extends tf.TensorContainer>(op: Op<I, A, O>, inputs: I, attributes: A): O {
  const kernel = kernelOf(op);
  return tf.tidy(() => kernel.forward(inputs, attributes, false) as O);
}

/** What computes an op on the current backend. */
function kernelOf<I, A, O>(op: Op<I, A, O>): Kernel<I, A, O> {
  const kernel = op.kernels[currentBackend()];
  if (kernel === null) return op;
  if (kernel.otherwise !== undefined && !hasKernelLibrary()) return kernel.otherwise ?? op;
  return kernel;
}
