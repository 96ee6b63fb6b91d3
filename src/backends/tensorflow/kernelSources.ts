import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the package: the sources of truecast's TensorFlow ops. */
export const KERNELS = join(dirname(fileURLToPath(import.meta.url)), '../../../kernels');

/** The only source that sees TensorFlow's headers, and takes their flags. */
export const GLUE = 'tensorflow.cc';

/** Flags of every source. Fast division and reordered sums stay off: NaN and infinity keep their meaning. */
export const KERNEL_FLAGS = [
  ...['-std=c++17', '-O3', '-fPIC', '-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast'],
  '-D_GLIBCXX_USE_CXX11_ABI=1',
];

/** What the glue takes besides. */
export const GLUE_FLAGS = ['-w', '-DEIGEN_MAX_ALIGN_BYTES=64'];

/** The sources of the library for CPUs, relative to KERNELS. */
export function kernelSources(): string[] {
  return sources().filter((file) => file.endsWith('.cc'));
}

/** Named by what goes into it, so that a library never meets another version's TypeScript. */
export function kernelLibraryFile(): string {
  const hash = createHash('sha256').update(JSON.stringify([KERNEL_FLAGS, GLUE_FLAGS, process.arch]));
  for (const file of sources()) hash.update(file).update(readFileSync(join(KERNELS, file)));
  return `kernels-${hash.digest('hex').slice(0, 12)}.so`;
}

function sources(): string[] {
  return ['', 'cpu'].flatMap((folder) =>
    readdirSync(join(KERNELS, folder))
      .filter((name) => /\.(cc|h)$/.test(name))
      .sort()
      .map((name) => join(folder, name)),
  );
}
