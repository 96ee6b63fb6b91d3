import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { cacheFolder } from '../cache.js';
import { buildAddons } from './addon.js';
import { addonFiles } from './addonFiles.js';
import { buildKernelLibrary } from './buildKernels.js';
import { checkAddons } from './check.js';
import { downloadWheel } from './download.js';
import {
  type Flavour,
  findInstall,
  forgetInstall,
  installFolder,
  librariesIn,
  TENSORFLOW_RELEASE,
  type TensorflowInstall,
  writeInstall,
} from './install.js';
import { type LibrarySource, lacking, placeLibraries, sourceFrom } from './libraries.js';
import { pythonTensorflow } from './python.js';

export interface SetupOptions {
  /** Default: cacheFolder(). */
  cacheDir?: string;
  /** A tensorflow package folder or wheel to use instead of looking for one. */
  from?: string;
  gpu?: boolean;
  log: (line: string) => void;
}

/**
 * Sets the TensorFlow backend up: library and headers, tfjs-node's addon built against them, and a check.
 * Every step keeps what is already there, and none leaves anything half made.
 */
export async function setupTensorflow(options: SetupOptions): Promise<TensorflowInstall> {
  const { cacheDir = cacheFolder(), from, log } = options;
  const flavour: Flavour = options.gpu ? 'gpu' : 'cpu';
  if (flavour === 'gpu') {
    throw new TruecastError('TensorFlow on a GPU is not yet available', 'run the setup without --gpu');
  }
  if (process.platform !== 'linux') {
    throw new TruecastError(
      `the TensorFlow backend runs on Linux only, not on ${process.platform}`,
      'use --backend wasm',
    );
  }
  const folder = installFolder(flavour, cacheDir);
  const downloads = join(cacheDir, 'downloads');
  for (const place of [folder, downloads]) removeLeftovers(place);

  const libraries = librariesIn(folder);
  if (from === undefined && existsSync(libraries) && lacking(libraries) === undefined) {
    log(`libraries: kept ${libraries}`);
  } else {
    const source = from === undefined ? await findSource(downloads, log) : sourceFrom(from);
    log(`libraries: ${source.kind === 'folder' ? 'linking' : 'unpacking'} ${source.path}`);
    forgetInstall(folder);
    await placeLibraries(source, libraries);
  }

  const files = addonFiles();
  const binding = join(folder, files.binding);
  const loader = join(folder, files.loader);
  if (existsSync(binding) && existsSync(loader)) {
    log(`addons: kept ${binding}`);
  } else {
    log('addons: compiling (under a minute)');
    await buildAddons(folder, files);
    log(`addons: built ${binding}`);
  }

  log('kernels: compiling for this processor (under a minute, unless they are there)');
  const kernels = await buildKernelLibrary(folder);
  log(`kernels: ${kernels}`);

  const facts = await checkAddons({ binding, loader, libraries });
  if ('failure' in facts) {
    forgetInstall(folder);
    throw new TruecastError(
      `TensorFlow was set up but does not work: ${facts.failure}`,
      `delete ${folder} and run the setup again, or use --backend wasm`,
    );
  }
  if (!facts.version.startsWith(`${TENSORFLOW_RELEASE}.`)) {
    forgetInstall(folder);
    throw new TruecastError(
      `the library in ${libraries} is TensorFlow ${facts.version}; ${TENSORFLOW_RELEASE} is needed`,
      `delete ${folder} and run the setup again, or give another --from`,
    );
  }
  writeInstall(folder, facts.version);
  removeOtherBuilds(folder, [...Object.values(files), basename(kernels)]);
  rmSync(downloads, { recursive: true, force: true });
  log(`check: TensorFlow ${facts.version} multiplies at ${facts.gflops.toFixed(0)} GFLOP/s`);
  const install = findInstall(flavour, cacheDir);
  if ('missing' in install) throw new Error(install.missing);
  return install;
}

async function findSource(downloads: string, log: (line: string) => void): Promise<LibrarySource> {
  const installed = await pythonTensorflow();
  if (installed !== undefined) {
    const { folder, version } = installed;
    const reason = version.startsWith(`${TENSORFLOW_RELEASE}.`)
      ? lacking(folder) && `it lacks ${lacking(folder)}`
      : `${TENSORFLOW_RELEASE} is needed`;
    if (!reason) return { kind: 'folder', path: folder };
    log(`Python's TensorFlow ${version} in ${folder} cannot be used: ${reason}`);
  }
  return { kind: 'wheel', path: await downloadWheel(downloads, log) };
}

/** What interrupted setups left. */
function removeLeftovers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.tmp')) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** What earlier versions built. */
function removeOtherBuilds(folder: string, current: string[]): void {
  for (const name of readdirSync(folder)) {
    if (/\.(node|so)$/.test(name) && !current.includes(name)) rmSync(join(folder, name), { force: true });
  }
}
