import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadGemma } from '../../src/models/decoders.js';
import { floatToHalf, halfToFloat } from '../../src/models/formats/floats.js';
import { GgufFile } from '../../src/models/formats/gguf/file.js';
import { writeGguf } from '../../src/models/formats/gguf/write.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import { writeGgufLora } from '../../src/models/lora/gguf.js';
import { loadAdapter } from '../../src/models/lora/load.js';
import { describeBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const FIXTURES = 'test/fixtures/adapters';

describe('a GGUF file that we write', () => {
  it('is read back, F16 rounded to the nearest', () => {
    const path = join(temporary(), 'x.gguf');
    const values = Float32Array.from([1, -2.5, 65504, 1e-8, 0.1, 3]);
    writeGguf(
      path,
      [
        ['general.architecture', 'string', 'gemma3 – größer'],
        ['a', 'uint32', 4294967295],
        ['b', 'float32', 0.5],
      ],
      [
        { name: 'one', dtype: 'F16', shape: [2, 3], data: values },
        { name: 'two', dtype: 'F32', shape: [6], data: values },
      ],
    );
    const file = GgufFile.open(path);
    expect([...file.metadata]).toEqual([
      ['general.architecture', 'gemma3 – größer'],
      ['a', 4294967295],
      ['b', 0.5],
    ]);
    expect(file.tensors.get('one')).toMatchObject({ dtype: 'F16', shape: [2, 3] });
    expect(file.floats('two')).toEqual(values);
    expect(file.floats('one')).toEqual(values.map((value) => halfToFloat(floatToHalf(value))));
    file.close();
    const beyond = { name: 'big', dtype: 'F16', shape: [1], data: Float32Array.of(65520) } as const;
    expect(() => writeGguf(path, [], [beyond])).toThrow('tensor big has 65520, which F16 cannot hold');
  });

  it('halves: every one is its own rounding, and ties go to the even neighbour', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToFloat(bits);
      if (!Number.isNaN(value)) expect(floatToHalf(value)).toBe(bits);
    }
    for (let bits = 0; bits < 0x7bff; bits++) {
      const middle = (halfToFloat(bits) + halfToFloat(bits + 1)) / 2;
      expect(floatToHalf(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
    }
  });
});

describeBackends('an adapter as GGUF', () => {
  it.each([
    ['lora.gguf', 'F32'],
    ['lora-f16.gguf', 'F16'],
  ] as const)('has the bytes that gguf-py writes: %s', (name, dtype) => {
    const model = loadGemma('test/fixtures/models/gemma-b', { quantization: 'none' });
    const adapter = loadAdapter(join(FIXTURES, 'patterns'), model.linearLayers());
    const path = join(temporary(), name);
    writeGgufLora(path, adapter, { architecture: 'gemma', name: 'patterns', dtype });
    expect(readFileSync(path)).toEqual(readFileSync(join(FIXTURES, name)));
    adapter.dispose();
    model.dispose();
  });

  it('of one scale keeps its tensors, and says the scale as alpha / rank', () => {
    const layers = new Map([
      ['model.layers.3.mlp.down_proj', [4, 6]],
      ['model.layers.3.mlp.up_proj', [6, 4]],
    ]);
    const config = { rank: 4, alpha: 3, dropout: 0, targetModules: ['down_proj', 'up_proj'], rslora: true };
    const adapter = new LoraAdapter(config);
    adapter.initialise(layers, 1);
    const path = join(temporary(), 'x.gguf');
    writeGgufLora(path, adapter, { architecture: 'gemma3', name: 'x', dtype: 'F32' });
    const file = GgufFile.open(path);
    expect(file.metadata.get('adapter.lora.alpha')).toBe(6);
    expect(file.floats('blk.3.ffn_down.weight.lora_a')).toEqual(
      adapter.weights.get('base_model.model.model.layers.3.mlp.down_proj.lora_A.weight').dataSync(),
    );
    expect([...file.tensors.keys()]).toEqual(
      ['down', 'up'].flatMap((part) => ['a', 'b'].map((side) => `blk.3.ffn_${part}.weight.lora_${side}`)),
    );
    file.close();
    adapter.dispose();
  });

  it('is refused for DoRA', () => {
    const model = loadGemma('test/fixtures/lora/base', { quantization: 'none' });
    const adapter = loadAdapter(join(FIXTURES, 'dora'), model.linearLayers());
    const path = join(temporary(), 'x.gguf');
    expect(() => writeGgufLora(path, adapter, { architecture: 'gemma', name: 'x', dtype: 'F32' })).toThrow(
      'DoRA',
    );
    adapter.dispose();
    model.dispose();
  });
});
