import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBackends } from '../helpers/backends.js';
import { writeBigCheckpoint } from '../helpers/bigCheckpoint.js';
import { temporaryFolders } from '../helpers/temporary.js';

/** Loads a model and says what it took: the peak while loading beyond what was there before, and its tensors. */
const PROGRAM = `
import { loadGemma, selectBackend } from ${JSON.stringify(pathToFileURL('dist/index.js').href)};
const [backend, folder, quantization] = process.argv.slice(2);
await selectBackend(backend);
// what the first model of all brings in: code, threads
loadGemma('test/fixtures/models/gemma-a', { quantization }).dispose();
const bytesOf = (tensors) => tensors.reduce((sum, tensor) => sum + tensor.size * 4, 0);
const before = process.memoryUsage.rss();
const model = loadGemma(folder, { quantization });
const tensors = [
  ...model.weights.names().map((name) => model.weights.get(name)),
  ...[...model.quantized.values()].flatMap((parts) => Object.values(parts)),
];
// an op on each: nothing of a tensor is left for then
for (const tensor of tensors) tensor.flatten().slice([0], [1]).dataSync();
const peak = process.resourceUsage().maxRSS * 1024 - before;
const own = bytesOf(tensors);
console.log(JSON.stringify({ peak, own }));
`;

const temporary = temporaryFolders();

describe('host memory while a checkpoint in shards is loaded', () => {
  let folder: string;
  let program: string;
  let largestShard: number;

  beforeAll(() => {
    folder = temporary();
    const shards = writeBigCheckpoint(folder);
    expect(shards).toHaveLength(4);
    largestShard = Math.max(...shards.map((path) => statSync(path).size));
    expect(largestShard).toBeGreaterThan(45e6);
    program = join(temporary(), 'load.mjs');
    writeFileSync(program, PROGRAM);
  });

  for (const backend of testBackends()) {
    it.each(['nf4-double', 'none'])(
      `stays under 1.5 shards beyond the model (${backend}, %s)`,
      (quantization) => {
        const child = spawnSync(process.execPath, [program, backend, folder, quantization], {
          encoding: 'utf8',
        });
        expect(child.stderr).toBe('');
        const { peak, own } = JSON.parse(child.stdout) as { peak: number; own: number };
        expect(peak - own).toBeLessThan(1.5 * largestShard);
      },
    );
  }

  it('all of the shards are read', () => {
    expect(readdirSync(folder)).toContain('model.safetensors.index.json');
  });
});
