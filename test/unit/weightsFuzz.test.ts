import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BYTES, type Dtype } from '../../src/models/formats/bytes.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import type { TensorFile } from '../../src/models/formats/tensorFile.js';
import { TorchFile } from '../../src/models/formats/torchFile.js';
import { TruecastError } from '../../src/support/errors.js';
import { mutated } from '../helpers/mutate.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
/** Mutated copies of each file; more with TRUECAST_TEST_FUZZ. */
const COUNT = Number(process.env.TRUECAST_TEST_FUZZ ?? 1000);

/** Opens a damaged file and reads all of it: it works, or it is refused by name. What a tensor takes, the file has. */
function read(path: string, size: number, open: (path: string) => TensorFile): 'read' | 'refused' {
  let file: TensorFile | undefined;
  try {
    file = open(path);
    for (const [name, { dtype, shape }] of file.tensors) {
      const elements = shape.reduce((product, n) => product * n, 1);
      if (elements * BYTES[dtype as Dtype] > size) throw new Error(`${name} is larger than its file`);
      expect(file.bytes(name)).toHaveLength(elements * BYTES[dtype as Dtype]);
      if (/^(F|BF)/.test(dtype)) expect(file.floats(name)).toHaveLength(elements);
    }
    return 'read';
  } catch (error) {
    if (!(error instanceof TruecastError)) throw error;
    expect(error.message).toContain(path);
    expect(error.remedy).toBeTruthy();
    return 'refused';
  } finally {
    file?.close();
  }
}

describe('mutated files are read or refused, never more', () => {
  it.each<[string, (path: string) => TensorFile]>([
    ['torch-bin/dtypes.bin', TorchFile.open],
    ['torch-bin/views.bin', TorchFile.open],
    ['torch-bin/protocol4.bin', TorchFile.open],
    ['torch-bin/golden.safetensors', SafetensorsFile.open],
  ])('%s', (name, open) => {
    const original = readFileSync(join('test/fixtures', name));
    const path = join(temporary(), 'weights');
    const counts = { read: 0, refused: 0 };
    let slowest = 0;
    for (let seed = 0; seed < COUNT; seed++) {
      const bytes = mutated(original, seed);
      writeFileSync(path, bytes);
      const begin = process.cpuUsage();
      counts[read(path, bytes.length, open)]++;
      const { user, system } = process.cpuUsage(begin);
      slowest = Math.max(slowest, user + system);
    }
    // both happen, so that neither half of the check is idle
    expect(counts.read).toBeGreaterThan(COUNT / 50);
    expect(counts.refused).toBeGreaterThan(COUNT / 10);
    expect(slowest).toBeLessThan(2e6);
  });
});
