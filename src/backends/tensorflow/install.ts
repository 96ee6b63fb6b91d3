import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeFileAtomic } from '../../support/files.js';
import { cacheFolder } from '../cache.js';
import { addonFiles } from './addonFiles.js';
import { kernelLibraryFile } from './kernelSources.js';

/** Which build of TensorFlow's library. (Only 'cpu' can be set up so far.) */
export type Flavour = 'cpu' | 'gpu';

/** The release whose library, headers and C API everything native here is built against. */
export const TENSORFLOW_RELEASE = '2.21';

/** The parts of one set-up TensorFlow. All paths are absolute. */
export interface TensorflowInstall {
  flavour: Flavour;
  /** As the library itself says. */
  version: string;
  /** tfjs-node's addon, linked to the library. */
  binding: string;
  /** The addon that loads shared libraries. */
  loader: string;
  /** Folder of libtensorflow_cc.so.2 and libtensorflow_framework.so.2. */
  libraries: string;
  /** TensorFlow's C++ headers, for ops of our own. */
  headers: string;
  /** truecast's own TensorFlow ops; without this file their compositions run. */
  kernels: string;
}

export const LIBRARY_FILES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** Folder of one flavour; its content is made by setup alone. */
export function installFolder(flavour: Flavour, cache = cacheFolder()): string {
  return join(cache, `tensorflow-${TENSORFLOW_RELEASE}-${flavour}`);
}

/** The library whose loading makes noise; the addon finds it loaded then. */
export const frameworkIn = (libraries: string): string => join(libraries, LIBRARY_FILES[1]);
export const librariesIn = (folder: string): string => join(folder, 'libraries');
export const headersIn = (folder: string): string => join(folder, 'libraries', 'include');
const recordIn = (folder: string): string => join(folder, 'install.json');

/** Written last, once the addons have been checked: its presence says that the install is whole. */
export function writeInstall(folder: string, version: string): void {
  writeFileAtomic(recordIn(folder), `${JSON.stringify({ version })}\n`);
}

export function forgetInstall(folder: string): void {
  rmSync(recordIn(folder), { force: true });
}

/** The install of a flavour, or in words why there is none. */
export function findInstall(
  flavour: Flavour = 'cpu',
  cache = cacheFolder(),
): TensorflowInstall | { missing: string } {
  const folder = installFolder(flavour, cache);
  if (!existsSync(recordIn(folder))) return { missing: 'TensorFlow has not been set up' };
  const { version } = readJson(recordIn(folder), 'TensorFlow install record') as { version?: unknown };
  if (typeof version !== 'string') {
    return { missing: `the record of the TensorFlow install is damaged: ${recordIn(folder)}` };
  }
  const files = addonFiles();
  const install = {
    flavour,
    version,
    binding: join(folder, files.binding),
    loader: join(folder, files.loader),
    libraries: librariesIn(folder),
    headers: headersIn(folder),
    kernels: join(folder, kernelLibraryFile()),
  };
  // The addons are of another truecast if their names have changed; the libraries may be links into a Python environment that has since gone.
  const parts = [
    install.binding,
    install.loader,
    ...LIBRARY_FILES.map((file) => join(install.libraries, file)),
  ];
  const gone = parts.find((path) => !existsSync(path));
  return gone !== undefined ? { missing: `the TensorFlow that was set up lacks ${gone}` } : install;
}
