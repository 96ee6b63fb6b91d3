import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LOADER_SOURCE, LOG_LEVEL_SOURCE } from './addonSources.js';

const require = createRequire(import.meta.url);

/** The compiler's flags. */
export const FLAGS = [
  ...['-std=c++17', '-O2', '-fPIC', '-shared', '-w'],
  ...['-D_GLIBCXX_USE_CXX11_ABI=1', '-DNAPI_VERSION=8'],
];

/** File names of the addons in an install folder. */
export interface AddonFiles {
  /** tfjs-node's own, over TensorFlow's C API. */
  binding: string;
  /** Ours, which loads shared libraries. */
  loader: string;
}

/** tfjs-node's C++ sources, which its npm package ships. */
export function bindingSources(): string {
  return join(dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json')), 'binding');
}

/**
 * The names change with whatever goes into the addons, so that existing files never need rebuilding and an
 * update of tfjs-node never meets an old one.
 */
export function addonFiles(): AddonFiles {
  const folder = bindingSources();
  const hash = createHash('sha256').update(
    JSON.stringify([FLAGS, LOG_LEVEL_SOURCE, LOADER_SOURCE, process.arch]),
  );
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)));
  const key = hash.digest('hex').slice(0, 12);
  return { binding: `binding-${key}.node`, loader: `loader-${key}.node` };
}
