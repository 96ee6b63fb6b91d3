import { existsSync } from 'node:fs';

let loaded = false;
let used = true;

/** Loads the library of truecast's TensorFlow ops, where setup has built it. */
export function loadKernelLibrary(path: string, open: (path: string) => void): void {
  if (!existsSync(path)) return;
  open(path);
  loaded = true;
}

/** Whether truecast's own TensorFlow ops can be called. */
export function hasKernelLibrary(): boolean {
  return loaded && used;
}

/** Turns the use of the library off and on again: tests and benchmarks compare with the compositions. */
export function useKernelLibrary(use: boolean): void {
  used = use;
}
