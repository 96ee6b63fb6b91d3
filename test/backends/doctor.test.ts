import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { probeBackends } from '../../src/backends/doctor.js';
import { machineFacts } from '../../src/backends/machine.js';

describe('probeBackends', () => {
  it('reports each backend, and what to do about one that is missing', async () => {
    const cache = process.env.TRUECAST_CACHE;
    process.env.TRUECAST_CACHE = mkdtempSync(join(tmpdir(), 'truecast-'));
    try {
      const [tensorflow, wasm, cpu] = await probeBackends();
      expect(tensorflow).toEqual({
        name: 'tensorflow',
        usable: false,
        details: [],
        reason: 'TensorFlow has not been set up',
        remedy: 'run `truecast setup tensorflow`',
      });
      expect(wasm).toMatchObject({ name: 'wasm', usable: true });
      expect(wasm!.details).toContain('SIMD');
      expect(cpu).toMatchObject({ name: 'cpu', usable: true });
    } finally {
      if (cache === undefined) delete process.env.TRUECAST_CACHE;
      else process.env.TRUECAST_CACHE = cache;
    }
  });
});

describe('machineFacts', () => {
  it('are plausible', () => {
    const facts = machineFacts();
    expect(facts.node).toBe(process.version);
    expect(facts.cores).toBeGreaterThan(0);
    expect(facts.memoryTotal).toBeGreaterThan(facts.memoryFree);
    if (facts.limitMemory !== undefined) expect(facts.limitMemory).toBeLessThan(facts.memoryTotal);
  });
});
