import type { WasmBackend } from './backend.js';
import { type GemmExports, gemmModule, SCRATCH_BYTES } from './gemmModule.js';

/** (TypeScript declares WebAssembly for browsers only.) */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    validate(bytes: Uint8Array): boolean;
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object, imports: object) => { exports: unknown };
  };
};

/** A matrix on the heap: where it starts, and how far apart its rows and columns are. All in bytes. */
export interface Matrix {
  offset: number;
  row: number;
  column: number;
}

/** A row-major matrix, or the transpose of one; `columns` counts what is stored contiguously. */
export function matrixAt(offset: number, columns: number, transposed: boolean): Matrix {
  // A single row of values is contiguous either way.
  if (transposed && columns === 1) return { offset, row: 4, column: 4 };
  return transposed ? { offset, row: 4, column: columns * 4 } : { offset, row: columns * 4, column: 4 };
}

/** c[m,n] = a[m,k]·b[k,n], c row-major at an offset. */
export type Gemm = (a: Matrix, b: Matrix, c: number, m: number, n: number, k: number) => void;

/** Whether this Node's wasm multiplies and adds in one instruction (relaxed SIMD), which about doubles products. */
export function hasFusedMultiplyAdd(): boolean {
  return WebAssembly.validate(gemmModule(true));
}

const instances = new WeakMap<object, Gemm>();

/** The product routine over a backend's heap. */
export function gemmOn({ wasm }: WasmBackend): Gemm {
  const known = instances.get(wasm);
  if (known !== undefined) return known;
  const scratch = wasm._malloc(SCRATCH_BYTES);
  const module = new WebAssembly.Module(gemmModule(hasFusedMultiplyAdd()));
  const { memory } = wasm.asm;
  const { gemm, rowTimesMatrix, rowTimesTransposed } = new WebAssembly.Instance(module, { env: { memory } })
    .exports as GemmExports;
  const multiply: Gemm = (a, b, c, m, n, k) => {
    if (k === 0) {
      new Uint8Array(memory.buffer, c, m * n * 4).fill(0);
      return;
    }
    // Few rows don't repay copying b into strips: they read it where it lies.
    if (m <= FEW_ROWS && a.column === 4) {
      const rowProduct = b.column === 4 ? rowTimesMatrix : rowTimesTransposed;
      for (let i = 0; i < m; i++) rowProduct(a.offset + i * a.row, b.offset, c + i * n * 4, n, k);
      return;
    }
    gemm(a.offset, a.row, a.column, b.offset, b.row, b.column, c, m, n, k, scratch);
  };
  instances.set(wasm, multiply);
  return multiply;
}

const FEW_ROWS = 3;
