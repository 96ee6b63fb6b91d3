import { lastLines, runCommand } from '../command.js';
import { frameworkIn } from './install.js';

/** What a working addon says of itself. */
export interface AddonFacts {
  /** TensorFlow's version. */
  version: string;
  gpu: boolean;
  /** Of one warm 1024³ product. */
  gflops: number;
}

const PROGRAM = `
const [loader, framework, addon] = process.argv.slice(1);
require(loader).open(framework, true);
const binding = require(addon);
const type = { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
const no = (name) => ({ name, type: binding.TF_ATTR_BOOL, value: false });
const product = (a, b) =>
  binding.executeOp('MatMul', [type, no('transpose_a'), no('transpose_b')], [a, b], 1)[0].id;
const tensor = (shape, values) => binding.createTensor(shape, binding.TF_FLOAT, Float32Array.from(values));
const small = binding.tensorDataSync(product(tensor([2, 2], [1, 2, 3, 4]), tensor([2, 2], [5, 6, 7, 8])));
if (String(small) !== '19,22,43,50') throw new Error('a product came out wrong: ' + small);
const n = 1024;
const a = tensor([n, n], new Float32Array(n * n).fill(1));
binding.tensorDataSync(product(a, a));
const start = process.hrtime.bigint();
binding.tensorDataSync(product(a, a));
const gflops = (2 * n ** 3) / Number(process.hrtime.bigint() - start);
process.stdout.write(JSON.stringify({ version: binding.TF_Version, gpu: binding.isUsingGpuDevice(), gflops }));
`;

/**
 * Loads the addons in a process of its own and multiplies, because a library that does not fit the processor
 * ends its process. Returns facts, or in words what failed.
 */
export async function checkAddons(parts: {
  binding: string;
  loader: string;
  libraries: string;
}): Promise<AddonFacts | { failure: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const program = ['-e', PROGRAM, parts.loader, frameworkIn(parts.libraries), parts.binding];
  const result = await runCommand(process.execPath, program, { env, timeoutMs: 120_000 });
  if (result.status === 'ok') {
    try {
      return JSON.parse(lastLines(result.stdout, 1)) as AddonFacts;
    } catch {
      return { failure: `the check of the addon printed: ${lastLines(result.stdout, 3)}` };
    }
  }
  const reason = /^\S*Error: .*$/m.exec(result.stderr)?.[0] ?? lastLines(result.stderr, 3);
  return { failure: `${result.ended}${reason ? `: ${reason}` : ''}` };
}
