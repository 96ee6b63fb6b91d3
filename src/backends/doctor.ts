import { createRequire } from 'node:module';
import { lastLines, runCommand } from './command.js';
import { type BackendName, REMEDIES } from './names.js';
import { checkAddons } from './tensorflow/check.js';
import { findInstall } from './tensorflow/install.js';
import { hasFusedMultiplyAdd } from './wasm/gemm.js';

/** Whether a backend can be used, and what it is or why not. */
export interface BackendReport {
  name: BackendName;
  usable: boolean;
  /** Versions and properties, in words: `TensorFlow 2.21.0`. */
  details: string[];
  reason?: string;
  remedy?: string;
}

/** All backends, the fastest first. Each is tried in a process of its own, which it may crash. */
export async function probeBackends(): Promise<BackendReport[]> {
  return [await probeTensorflow(), await probeWasm(), probeCpu()];
}

async function probeTensorflow(): Promise<BackendReport> {
  const install = findInstall();
  if ('missing' in install) return unusable('tensorflow', install.missing);
  const facts = await checkAddons(install);
  if ('failure' in facts) return unusable('tensorflow', facts.failure);
  return {
    name: 'tensorflow',
    usable: true,
    details: [
      `TensorFlow ${facts.version}`,
      facts.gpu ? 'on a GPU' : 'on the processor',
      `${facts.gflops.toFixed(0)} GFLOP/s in a product of 1024³`,
    ],
  };
}

const WASM_PROGRAM = `
const [core, wasm] = process.argv.slice(1).map((path) => require(path));
core.setBackend('wasm').then(async () => {
  const product = core.matMul(core.ones([2, 3]), core.ones([3, 2]));
  if (String(await product.data()) !== '3,3,3,3') throw new Error('a product came out wrong');
  const simd = await core.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  process.stdout.write(JSON.stringify({ version: wasm.version_wasm, simd }));
});
`;

async function probeWasm(): Promise<BackendReport> {
  const require = createRequire(import.meta.url);
  let modules: string[];
  try {
    modules = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'].map((name) => require.resolve(name));
  } catch {
    return unusable('wasm', 'the package @tensorflow/tfjs-backend-wasm is missing');
  }
  const result = await runCommand(process.execPath, ['-e', WASM_PROGRAM, ...modules], {
    env: { ...process.env, NODE_OPTIONS: '' },
    timeoutMs: 60_000,
  });
  if (result.status !== 'ok') {
    const error = /^\S*Error: .*$/m.exec(result.stderr)?.[0] ?? lastLines(result.stderr, 2);
    return unusable('wasm', `${result.ended}: ${error}`);
  }
  const { version, simd } = JSON.parse(lastLines(result.stdout, 1)) as { version: string; simd: boolean };
  return {
    name: 'wasm',
    usable: true,
    details: [
      `tfjs-backend-wasm ${version}`,
      simd ? 'SIMD' : 'no SIMD',
      hasFusedMultiplyAdd() ? 'fused multiply-add' : 'no fused multiply-add (newer Nodes have it)',
      'one thread',
    ],
  };
}

function probeCpu(): BackendReport {
  const { version } = createRequire(import.meta.url)('@tensorflow/tfjs/package.json') as { version: string };
  return { name: 'cpu', usable: true, details: [`tfjs ${version}`, 'plain JavaScript: for tests only'] };
}

function unusable(name: BackendName, reason: string): BackendReport {
  return { name, usable: false, details: [], reason, remedy: REMEDIES[name] };
}
