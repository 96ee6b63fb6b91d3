/** From the fastest to the slowest. */
export const BACKEND_NAMES = ['tensorflow', 'wasm', 'cpu'] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/** What to do about a backend that cannot be used. */
export const REMEDIES: Record<BackendName, string> = {
  tensorflow: 'run `truecast setup tensorflow`',
  wasm: 'reinstall truecast, or use --backend cpu',
  cpu: 'reinstall truecast',
};
