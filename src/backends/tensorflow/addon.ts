import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { lastLines, runCommand } from '../command.js';
import { headersIn, LIBRARY_FILES, librariesIn } from './install.js';

const require = createRequire(import.meta.url);

/** tfjs-node's C++ sources, which its npm package ships. */
function sourcesFolder(): string {
  return join(dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json')), 'binding');
}

const FLAGS = [
  ...['-std=c++17', '-O2', '-fPIC', '-shared', '-w'],
  ...['-D_GLIBCXX_USE_CXX11_ABI=1', '-DNAPI_VERSION=8'],
];

/**
 * Sets which log messages TensorFlow prints, before it prints any: TF_CPP_MIN_LOG_LEVEL (0 to 3), which the
 * library itself heeds only in part, and errors alone by default.
 */
const LOG_LEVEL_SOURCE = `
#include <cstdlib>
#include "absl/log/globals.h"
static const bool log_level_set = [] {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(level && *level ? std::atoi(level) : 2));
  return true;
}();
`;

/**
 * The addon's file name in an install folder: it changes with whatever goes into the addon, so that an
 * existing file never needs rebuilding and an update of tfjs-node never meets an old one.
 */
export function addonFile(): string {
  const folder = sourcesFolder();
  const hash = createHash('sha256').update(JSON.stringify([FLAGS, LOG_LEVEL_SOURCE, process.arch]));
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return `tfjs_binding-${hash.digest('hex').slice(0, 12)}.node`;
}

/** Compiles tfjs-node's addon against the libraries of an install folder; a minute at most. */
export async function buildAddon(folder: string, file: string): Promise<void> {
  const compiler = await findCompiler();
  const sources = sourcesFolder();
  const temporary = join(folder, `${file}.${randomBytes(4).toString('hex')}.tmp`);
  const logLevel = `${temporary}.cc.tmp`;
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(logLevel, LOG_LEVEL_SOURCE);
    const result = await runCommand(compiler, [
      ...FLAGS,
      `-I${(require('node-api-headers') as { include_dir: string }).include_dir}`,
      `-I${headersIn(folder)}`,
      join(sources, 'tfjs_backend.cc'),
      join(sources, 'tfjs_binding.cc'),
      ...['-x', 'c++', logLevel, '-x', 'none'],
      ...['-o', temporary, `-L${librariesIn(folder)}`],
      ...LIBRARY_FILES.map((library) => `-l:${library}`),
      '-Wl,-rpath,$ORIGIN/libraries',
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
    rmSync(logLevel, { force: true });
  }
}

async function findCompiler(): Promise<string> {
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
