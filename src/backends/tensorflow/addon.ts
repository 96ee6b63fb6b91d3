import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { lastLines, runCommand } from '../command.js';
import { type AddonFiles, bindingSources, FLAGS } from './addonFiles.js';
import { LOADER_SOURCE, LOG_LEVEL_SOURCE } from './addonSources.js';
import { headersIn, LIBRARY_FILES, librariesIn } from './install.js';

const require = createRequire(import.meta.url);

/** Compiles the addons that an install folder lacks; under a minute. */
export async function buildAddons(folder: string, files: AddonFiles): Promise<void> {
  const compiler = await findCompiler();
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, files.loader))) {
    await compile(compiler, folder, files.loader, LOADER_SOURCE, ['-ldl']);
  }
  if (!existsSync(join(folder, files.binding))) {
    const sources = bindingSources();
    await compile(compiler, folder, files.binding, LOG_LEVEL_SOURCE, [
      join(sources, 'tfjs_backend.cc'),
      join(sources, 'tfjs_binding.cc'),
      `-I${headersIn(folder)}`,
      `-L${librariesIn(folder)}`,
      ...LIBRARY_FILES.map((library) => `-l:${library}`),
      '-Wl,-rpath,$ORIGIN/libraries',
    ]);
  }
}

async function compile(
  compiler: string,
  folder: string,
  file: string,
  source: string,
  more: string[],
): Promise<void> {
  const temporary = join(folder, `${file}.${randomBytes(4).toString('hex')}.tmp`);
  const sourceFile = `${temporary}.cc.tmp`;
  try {
    writeFileSync(sourceFile, source);
    const result = await runCommand(compiler, [
      ...FLAGS,
      `-I${(require('node-api-headers') as { include_dir: string }).include_dir}`,
      ...['-x', 'c++', sourceFile, '-x', 'none'],
      ...more,
      ...['-o', temporary],
    ]);
    if (result.status !== 'ok') {
      throw new TruecastError(
        `${compiler} could not build the TensorFlow addon (${result.ended}):\n${lastLines(result.stderr)}`,
        'a compiler for C++17 with its standard library is needed (g++ 9 or newer)',
      );
    }
    renameSync(temporary, join(folder, file));
  } finally {
    rmSync(temporary, { force: true });
    rmSync(sourceFile, { force: true });
  }
}

export async function findCompiler(): Promise<string> {
  const { CXX } = process.env;
  const candidates = CXX ? [CXX] : ['g++', 'clang++', 'c++'];
  for (const program of candidates) {
    if ((await runCommand(program, ['--version'])).status === 'ok') return program;
  }
  throw new TruecastError(
    `no C++ compiler was found (tried ${candidates.join(', ')}${CXX ? ', from CXX' : ''})`,
    'install one (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++) and run the setup again, or use --backend wasm',
  );
}
