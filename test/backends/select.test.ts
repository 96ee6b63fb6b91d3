import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentBackend, selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';

describe('selectBackend without a TensorFlow', () => {
  const cache = process.env.TRUECAST_CACHE;
  beforeAll(() => {
    process.env.TRUECAST_CACHE = mkdtempSync(join(tmpdir(), 'truecast-'));
  });
  afterAll(() => {
    if (cache === undefined) delete process.env.TRUECAST_CACHE;
    else process.env.TRUECAST_CACHE = cache;
  });

  it('has no current backend at first', () => {
    expect(() => currentBackend()).toThrow(/selectBackend/);
  });

  it('refuses tensorflow by name, and says what to do', async () => {
    await expect(selectBackend('tensorflow')).rejects.toMatchObject({
      name: 'TruecastError',
      message: expect.stringMatching(/tensorflow cannot be used: TensorFlow has not been set up/),
      remedy: expect.stringMatching(/truecast setup tensorflow/),
    });
    expect(tf.getBackend()).not.toBe('tensorflow');
  });

  it('takes wasm on auto, and says why', async () => {
    const { name, why } = await selectBackend('auto');
    expect(name).toBe('wasm');
    expect(why).toMatch(/tensorflow: TensorFlow has not been set up \(run `truecast setup tensorflow`\)/);
    expect(currentBackend()).toBe('wasm');
    expect([...tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync()]).toEqual([3, 3, 3, 3]);
  });

  it('changes backends, and takes tensors along', async () => {
    await selectBackend('wasm');
    const x = tf.tensor1d([1, 2, 3]);
    await selectBackend('cpu');
    expect(currentBackend()).toBe('cpu');
    expect([...x.add(1).dataSync()]).toEqual([2, 3, 4]);
    await selectBackend('wasm');
    expect([...x.add(1).dataSync()]).toEqual([2, 3, 4]);
  });
});
