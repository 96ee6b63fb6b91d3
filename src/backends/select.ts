import { messageOf, TruecastError, unreachable } from '../support/errors.js';
import { BACKEND_NAMES, type BackendName, REMEDIES } from './names.js';
import { findInstall } from './tensorflow/install.js';
import { registerTensorflow } from './tensorflow/load.js';
import * as tf from './tf.js';
import { registerWasm } from './wasm/load.js';

export { BACKEND_NAMES, type BackendName };

/** Why a backend cannot be used here, and what to do about it. */
export class BackendUnusable extends TruecastError {
  constructor(
    readonly backend: BackendName,
    readonly reason: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`backend ${backend} cannot be used: ${reason}`, remedy, options);
  }
}

/**
 * Makes a backend tfjs's current one. A named one is taken or refused, never replaced by another; `auto`
 * takes the fastest that can be used, and `why` says what stands against the faster ones.
 */
export async function selectBackend(
  choice: BackendName | 'auto',
): Promise<{ name: BackendName; why: string }> {
  if (choice !== 'auto') {
    await activate(choice);
    return { name: choice, why: 'chosen by name' };
  }
  const refused: BackendUnusable[] = [];
  for (const name of BACKEND_NAMES) {
    try {
      await activate(name);
      const why = refused.map(({ backend, reason, remedy }) => `${backend}: ${reason} (${remedy})`);
      return { name, why: why.length > 0 ? why.join('; ') : 'the fastest backend' };
    } catch (error) {
      if (!(error instanceof BackendUnusable)) throw error;
      refused.push(error);
    }
  }
  throw new TruecastError(`no backend can be used:\n${refused.map((error) => error.message).join('\n')}`);
}

/** The backend that tensors and ops are on now. */
export function currentBackend(): BackendName {
  const name = tf.getBackend() as BackendName | undefined;
  if (name === undefined || !BACKEND_NAMES.includes(name)) {
    throw new Error('no backend has been selected: call selectBackend first');
  }
  return name;
}

async function activate(name: BackendName): Promise<void> {
  await register(name);
  let ready = false;
  let cause: unknown;
  try {
    ready = await tf.setBackend(name);
    await tf.ready();
  } catch (error) {
    cause = error;
  }
  if (!ready) {
    const reason = cause === undefined ? 'tfjs could not initialise it' : messageOf(cause);
    throw new BackendUnusable(name, reason, REMEDIES[name], { cause });
  }
}

async function register(name: BackendName): Promise<void> {
  try {
    switch (name) {
      case 'tensorflow': {
        const install = findInstall();
        if ('missing' in install) throw new Error(install.missing);
        return registerTensorflow(install);
      }
      case 'wasm':
        return await registerWasm();
      case 'cpu':
        return hideBanner();
      default:
        return unreachable(name);
    }
  } catch (error) {
    throw new BackendUnusable(name, messageOf(error), REMEDIES[name], { cause: error });
  }
}

/** At its first tensor tfjs's cpu backend recommends another package on the terminal. */
function hideBanner(): void {
  (tf.findBackend('cpu') as unknown as { firstUse: boolean }).firstUse = false;
}
