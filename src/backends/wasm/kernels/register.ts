import * as tf from '../../tf.js';
import type { WasmBackend } from '../backend.js';
import { heapView } from '../heap.js';
import { einsum } from './einsum.js';
import { elementwise, floorDivInt32 } from './elementwise.js';
import { fusedMatMul } from './fusedMatMul.js';
import { gather } from './gather.js';
import { checkIndices } from './indices.js';
import { batchMatMul } from './matMul.js';
import { unsortedSegmentSum } from './segmentSum.js';
import { select } from './select.js';
import { slice } from './slice.js';
import { stridedSlice } from './stridedSlice.js';

type Inputs = Record<string, tf.TensorInfo>;
type Result = tf.TensorInfo | tf.TensorInfo[];
/** `stock` runs tfjs's own kernel on the same inputs. */
type Kernel = (backend: WasmBackend, inputs: Inputs, attributes: never, stock: () => Result) => Result;

const faster: Record<string, Kernel> = {
  [tf.BatchMatMul]: (backend, { a, b }, { transposeA, transposeB }: tf.BatchMatMulAttrs) =>
    batchMatMul(backend, a!, b!, transposeA, transposeB),
  [tf._FusedMatMul]: (backend, inputs, attributes: tf._FusedMatMulAttrs) =>
    fusedMatMul(backend, inputs, attributes),
  [tf.GatherV2]: (backend, { x, indices }, { axis, batchDims }: tf.GatherV2Attrs) =>
    gather(backend, x!, indices!, axis, batchDims),
  // A clone shares its memory, as on other backends: what is kept for a backward pass is no second copy.
  [tf.Identity]: (backend, { x }, _attributes, stock) => {
    if (x!.dtype === 'string') return stock();
    backend.incRef(x!.dataId);
    return { dataId: x!.dataId, shape: x!.shape, dtype: x!.dtype };
  },
  [tf.Slice]: (backend, { x }, { begin, size }: tf.SliceAttrs) => slice(backend, x!, begin, size),
};

const missing: Record<string, Kernel> = {
  [tf.UnsortedSegmentSum]: (backend, { x, segmentIds }, { numSegments }: tf.UnsortedSegmentSumAttrs) =>
    unsortedSegmentSum(backend, x!, segmentIds!, numSegments),
  [tf.Einsum]: (_backend, inputs, { equation }: tf.EinsumAttrs) =>
    tf.tidy(() => einsum(Object.values(inputs) as tf.Tensor[], equation)),
};

const corrected: Record<string, Kernel> = {
  // tfjs's own are off by 2e-7 near zero and by whole digits for large angles (as of rotary embeddings).
  [tf.Sin]: (backend, { x }) => elementwise(backend, x!, Math.sin, 'float32'),
  [tf.Cos]: (backend, { x }) => elementwise(backend, x!, Math.cos, 'float32'),
  // Loses the small ones in 1 + x.
  [tf.Log1p]: (backend, { x }) => elementwise(backend, x!, Math.log1p, 'float32'),
  [tf.StridedSlice]: (backend, { x }, attributes: tf.StridedSliceAttrs) =>
    stridedSlice(backend, x!, attributes),
  // Zero for what is merely small.
  [tf.Sign]: (backend, { x }) => elementwise(backend, x!, (value) => Math.sign(value) || 0),
  // Makes NaN 0.
  [tf.Relu6]: (backend, { x }) => elementwise(backend, x!, (value) => Math.min(Math.max(value, 0), 6)),
  // Take the bits of an int32 for a float32.
  [tf.Reciprocal]: (backend, { x }, _attributes, stock) =>
    x!.dtype === 'float32' ? stock() : elementwise(backend, x!, (value) => 1 / value),
  [tf.ClipByValue]: (backend, { x }, attributes: tf.ClipByValueAttrs, stock) => {
    const { clipValueMin, clipValueMax } = attributes;
    const clip = (value: number): number => Math.min(Math.max(value, clipValueMin), clipValueMax);
    return x!.dtype === 'float32' ? stock() : elementwise(backend, x!, clip);
  },
  // Takes the low byte of a number for its truth.
  [tf.Cast]: (backend, { x }, { dtype }: tf.CastAttrs, stock) =>
    dtype === 'bool' ? elementwise(backend, x!, (value) => (value === 0 ? 0 : 1), 'bool') : stock(),
  [tf.FloorDiv]: (backend, { a, b }, _attributes, stock) => {
    if (a!.dtype !== 'int32') return stock();
    const shape = tf.backend_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
    return floorDivInt32(backend, a!, b!, shape);
  },
  // Takes bool for float32, and writes beyond an empty output (tfjs broadcasts a condition to no element as if
  // to one): both overwrite other tensors.
  [tf.Select]: (backend, { condition, t, e }, _attributes, stock) =>
    t!.dtype === 'bool' || t!.shape.includes(0) ? select(backend, condition!, t!, e!) : stock(),
  [tf.Reverse]: (_backend, { x }, { dims }: tf.ReverseAttrs, stock) =>
    x!.dtype === 'bool'
      ? tf.tidy(() => tf.reverse((x as tf.Tensor).cast('int32'), dims as number[]).cast('bool'))
      : stock(),
  // Divides by zero.
  [tf.Prelu]: (backend, { x }, _attributes, stock) =>
    x!.shape.includes(0) ? backend.makeOutput([...x!.shape], x!.dtype) : stock(),
};

/** What a reduction over nothing is; tfjs's own kernels leave what the memory last held. */
const ofNothing: Record<string, number> = {
  [tf.Sum]: 0,
  [tf.Mean]: Number.NaN,
  [tf.Prod]: 1,
  [tf.Max]: Number.NEGATIVE_INFINITY,
  [tf.Min]: Number.POSITIVE_INFINITY,
  [tf.Any]: 0,
  [tf.All]: 1,
};
const LEAST_INT32 = -(2 ** 31);
const emptyReductions = Object.entries(ofNothing).map(([name, value]): [string, Kernel] => [
  name,
  (_backend, { x }, _attributes, stock) => {
    const out = stock() as tf.TensorInfo;
    if (x!.shape.includes(0)) {
      const infinite = value > 0 ? -1 - LEAST_INT32 : LEAST_INT32;
      heapView(out).fill(out.dtype === 'int32' && !Number.isFinite(value) ? infinite : value);
    }
    return out;
  },
]);

/** tfjs's own kernels trust the indices. */
const checked: Record<string, Kernel> = {
  [tf.GatherNd]: (_backend, { params, indices }, _attributes, stock) => {
    checkIndices('gatherND', indices!, params!.shape);
    return stock();
  },
  [tf.ScatterNd]: (_backend, { indices }, { shape }: tf.ScatterNdAttrs, stock) => {
    checkIndices('scatterND', indices!, shape);
    return stock();
  },
  [tf.TensorScatterUpdate]: (_backend, { tensor, indices }, _attributes, stock) => {
    checkIndices('tensorScatterUpdate', indices!, tensor!.shape);
    return stock();
  },
  [tf.SparseToDense]: (_backend, { sparseIndices }, { outputShape }: tf.SparseToDenseAttrs, stock) => {
    checkIndices('sparseToDense', sparseIndices!, outputShape);
    return stock();
  },
};

/** Puts our kernels in the place of tfjs's own, or where it has none. Before the backend is initialised. */
export function registerKernels(): void {
  const kernels = { ...faster, ...missing, ...corrected, ...Object.fromEntries(emptyReductions), ...checked };
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    const stock = tf.getKernel(kernelName, 'wasm');
    if (stock !== undefined) tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({
      ...stock,
      kernelName,
      backendName: 'wasm',
      kernelFunc: (parameters) => {
        const { inputs, backend, attrs } = parameters;
        const runStock = (): Result => {
          if (stock === undefined) throw new Error(`tfjs has no kernel ${kernelName} on wasm`);
          return stock.kernelFunc(parameters);
        };
        return kernel(backend as WasmBackend, inputs as Inputs, attrs as never, runStock);
      },
    });
  }
}
