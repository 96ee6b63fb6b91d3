/**
 * What must compile, and what must not. `npm run typecheck` compiles this file: a line under
 * @ts-expect-error that compiles after all is an error itself.
 */
import type { Kernel, Op } from '../../src/ops/op.js';
import { type OpName, ops } from '../../src/ops/table.js';

// biome-ignore lint/suspicious/noExplicitAny: the inputs and attributes of an op are its own, as in the table
export type AnyOp = Op<any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyKernel = Kernel<any, any, any>;

export const complete: Record<OpName, AnyOp> = ops;

const { adamw: _left, ...incomplete } = ops;
// @ts-expect-error an op is missing
export const withoutAnOp: Record<OpName, AnyOp> = incomplete;
// @ts-expect-error an op that the table doesn't name
export const unknownOp: OpName = 'softmax';

const { keepsOutput, kernels, forward, gradient } = ops.rmsNorm;
// @ts-expect-error no forward
export const withoutForward: AnyOp = { keepsOutput, kernels, gradient };
// @ts-expect-error no gradient: an op that has none says null
export const withoutGradient: AnyOp = { keepsOutput, kernels, forward };
// @ts-expect-error no kernels
export const withoutKernels: AnyOp = { keepsOutput, forward, gradient };
// @ts-expect-error whether the output is kept is left open
export const withoutKeepsOutput: AnyOp = { kernels, forward, gradient };
// @ts-expect-error the backend wasm is not answered for
export const withoutBackend: AnyOp['kernels'] = { tensorflow: null, cpu: null };
// @ts-expect-error a kernel without a gradient
export const withoutKernelGradient: AnyKernel = { forward };
