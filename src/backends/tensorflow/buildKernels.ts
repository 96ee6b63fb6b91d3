import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { lastLines, runCommand } from '../command.js';
import { findCompiler } from './addon.js';
import { headersIn, LIBRARY_FILES, librariesIn } from './install.js';
import {
  GLUE,
  GLUE_FLAGS,
  KERNEL_FLAGS,
  KERNELS,
  kernelLibraryFile,
  kernelSources,
} from './kernelSources.js';

/**
 * Compiles truecast's TensorFlow ops into an install folder, tuned for this machine's processor unless another
 * is named (`x86-64-v3`); about half a minute. Returns the library's path; one that is there already is kept.
 */
export async function buildKernelLibrary(folder: string, processor = 'native'): Promise<string> {
  const library = join(folder, kernelLibraryFile());
  if (existsSync(library)) return library;
  const compiler = await findCompiler();
  const temporary = join(folder, `kernels-${randomBytes(4).toString('hex')}.tmp`);
  mkdirSync(temporary, { recursive: true });
  try {
    // the glue takes longest: it goes first
    const sources = kernelSources().sort((a, b) => Number(b === GLUE) - Number(a === GLUE));
    const objects = sources.map((_, i) => join(temporary, `${i}.o`));
    let next = 0;
    const worker = async () => {
      while (next < sources.length) {
        const i = next++;
        const more = sources[i] === GLUE ? [...GLUE_FLAGS, `-I${headersIn(folder)}`] : [];
        const target = ['-c', join(KERNELS, sources[i]!), '-o', objects[i]!];
        await compile(compiler, [...KERNEL_FLAGS, `-march=${processor}`, ...more, ...target]);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    const whole = join(temporary, 'library.so');
    await compile(compiler, [
      ...['-shared', '-o', whole, ...objects, `-L${librariesIn(folder)}`],
      ...LIBRARY_FILES.map((file) => `-l:${file}`),
      '-Wl,-rpath,$ORIGIN/libraries',
    ]);
    renameSync(whole, library);
    return library;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function compile(compiler: string, args: string[]): Promise<void> {
  const result = await runCommand(compiler, args);
  if (result.status === 'ok') return;
  throw new TruecastError(
    `${compiler} could not build truecast's TensorFlow ops (${result.ended}):\n${lastLines(result.stderr, 12)}`,
    'a compiler for C++17 with its standard library is needed (g++ 9 or newer)',
  );
}
