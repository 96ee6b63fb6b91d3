import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openModel } from '../../src/models/files.js';
import { openFolderWeights, weightFiles } from '../../src/models/formats/folder.js';
import { SafetensorsFile, writeSafetensors } from '../../src/models/formats/safetensors.js';
import type { TensorSource } from '../../src/models/formats/safetensorsWriter.js';
import { writeShardedSafetensors } from '../../src/models/formats/shardWriter.js';
import { weightsHash } from '../../src/recipes/artifacts.js';
import { mutated } from '../helpers/mutate.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
/** models/gemma-a once more, as transformers divides it. */
const SHARDED = 'test/fixtures/sharded';
const WHOLE = 'test/fixtures/models/gemma-a';
const INDEX = 'model.safetensors.index.json';
const SECOND = 'model-00002-of-00003.safetensors';

type Index = { metadata: Record<string, number>; weight_map: Record<string, string> };
const readIndexOf = (folder: string) => JSON.parse(readFileSync(join(folder, INDEX), 'utf8')) as Index;

/** A copy of the shards whose index went through `change`. */
function altered(change: (index: Index, folder: string) => unknown): string {
  const folder = temporary();
  cpSync(SHARDED, folder, { recursive: true });
  const index = readIndexOf(folder);
  const result = change(index, folder);
  writeFileSync(join(folder, INDEX), typeof result === 'string' ? result : JSON.stringify(result ?? index));
  return folder;
}

const openFiles = () => readdirSync('/proc/self/fd').length;

describe('shards with an index', () => {
  it('are one file, as the whole is', () => {
    const file = openModel(SHARDED).openWeights();
    const whole = openModel(WHOLE).openWeights();
    expect(file.path).toBe(join(SHARDED, INDEX));
    expect([...file.tensors.keys()].sort()).toEqual([...whole.tensors.keys()].sort());
    for (const name of whole.tensors.keys()) {
      expect(file.tensors.get(name)!.shape).toEqual(whole.tensors.get(name)!.shape);
      expect(file.floats(name), name).toEqual(whole.floats(name));
      expect(file.bytes(name), name).toEqual(whole.bytes(name));
    }
    file.close();
    whole.close();
  });

  it.each<[string, (index: Index, folder: string) => unknown, string]>([
    ['an index that is no JSON', () => '{"weight_map": ', 'index of shards is not JSON'],
    ['null', () => 'null', 'it has no weight_map'],
    ['no weight_map', () => '{"metadata": {}}', 'it has no weight_map'],
    ['a list for a weight_map', () => '{"weight_map": ["a"]}', 'it has no weight_map'],
    ['an empty weight_map', () => '{"weight_map": {}}', 'its weight_map is empty'],
    ['a number for a file', () => '{"weight_map": {"w": 1}}', 'tensor w is in 1, which is no bare file name'],
    ...['../model.safetensors', '/etc/passwd', 'a/b.safetensors', 'a\\b', '..', '.', '', 'a\0b'].map(
      (name): [string, () => unknown, string] => [
        `the file ${JSON.stringify(name)}`,
        () => ({ weight_map: { w: name } }),
        `tensor w is in ${JSON.stringify(name)}, which is no bare file name`,
      ],
    ),
    [
      'a shard that is not there',
      (_, folder) => rmSync(join(folder, SECOND)),
      `which names it | fetch the missing shard`,
    ],
    [
      'a shard that is cut',
      (_, folder) =>
        writeFileSync(join(folder, SECOND), readFileSync(join(folder, SECOND)).subarray(0, 2000)),
      `not a safetensors file`,
    ],
    [
      'tensors that the index has and their shards lack',
      (index) => {
        index.weight_map['model.norm.weight'] = SECOND;
        index.weight_map['model.extra'] = SECOND;
      },
      `\n  missing in ${SECOND}: model.norm.weight\n  missing in ${SECOND}: model.extra`,
    ],
    [
      'a tensor in two shards',
      (_, folder) => {
        const data = new Float32Array(2);
        const extra = 'model-00004-of-00003.safetensors';
        writeSafetensors(join(folder, extra), [['model.norm.weight', { dtype: 'F32', shape: [2], data }]]);
        const index = readIndexOf(folder);
        index.weight_map.other = extra;
        return index;
      },
      'in two shards: model.norm.weight',
    ],
  ])('are refused: %s', (_name, change, what) => {
    const folder = altered(change);
    const before = openFiles();
    const message = refusal(() => openModel(folder).openWeights());
    expect(message).toContain(folder);
    expect(message).toContain(what);
    expect(openFiles()).toBe(before);
  });

  it('a tensor that the index does not name is there all the same', () => {
    const folder = altered((index) => {
      delete index.weight_map['model.norm.weight'];
    });
    const file = openModel(folder).openWeights();
    expect(file.tensors.has('model.norm.weight')).toBe(true);
    file.close();
  });

  it('close all their files', () => {
    const before = openFiles();
    const file = openModel(SHARDED).openWeights();
    expect(openFiles()).toBe(before + 3);
    file.close();
    expect(openFiles()).toBe(before);
  });

  it('a mutated index is read or refused', () => {
    const folder = altered(() => undefined);
    const original = readFileSync(join(SHARDED, INDEX));
    let refused = 0;
    for (let seed = 0; seed < Number(process.env.TRUECAST_TEST_FUZZ ?? 500); seed++) {
      writeFileSync(join(folder, INDEX), mutated(original, seed));
      try {
        openModel(folder).openWeights().close();
      } catch (error) {
        refused++;
        const message = refusal(() => {
          throw error;
        });
        expect(message).toContain(folder);
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

describe('the weights of a folder', () => {
  const data = (value: number) => ({ dtype: 'F32' as const, shape: [1], data: Float32Array.of(value) });
  function folderOf(...names: string[]): string {
    const folder = temporary();
    writeFileSync(join(folder, 'config.json'), '{}');
    const place: Record<string, () => void> = {
      'model.safetensors': () => writeSafetensors(join(folder, 'model.safetensors'), [['a', data(1)]]),
      [INDEX]: () => {
        writeSafetensors(join(folder, 'x-2.safetensors'), [['b', data(2)]]);
        writeSafetensors(join(folder, 'x-1.safetensors'), [['b2', data(3)]]);
        const weight_map = { b: 'x-2.safetensors', b2: 'x-1.safetensors' };
        writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map }));
      },
      'pytorch_model.bin': () =>
        cpSync('test/fixtures/torch-bin/module.bin', join(folder, 'pytorch_model.bin')),
      'pytorch_model.bin.index.json': () => {
        cpSync('test/fixtures/torch-bin/views.bin', join(folder, 'views.bin'));
        const weight_map = { whole: 'views.bin' };
        writeFileSync(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map }));
      },
    };
    for (const name of names) place[name]!();
    return folder;
  }
  const LAYOUTS = ['model.safetensors', INDEX, 'pytorch_model.bin', 'pytorch_model.bin.index.json'];

  it.each(LAYOUTS.map((name, i) => [name, LAYOUTS.slice(i)] as const))(
    '%s comes before what follows',
    (name, there) => {
      const folder = folderOf(...there);
      const file = openModel(folder).openWeights();
      expect(file.path).toBe(join(folder, name));
      file.close();
    },
  );

  it('none: one error says what was looked for', () => {
    const folder = folderOf();
    const message = refusal(() => openModel(folder).openWeights());
    for (const name of [...LAYOUTS, folder]) expect(message).toContain(name);
    expect(refusal(() => weightsHash(folder))).toContain('no model.safetensors in');
  });

  it('have a hash in every layout, that of their files in order', () => {
    const hashes = LAYOUTS.map((name) => weightsHash(folderOf(name)));
    expect(new Set(hashes).size).toBe(4);
    expect(weightsHash(folderOf('pytorch_model.bin'))).toBe(hashes[2]);
    const folder = folderOf(INDEX);
    expect(weightFiles(folder)).toEqual(
      ['x-1.safetensors', 'x-2.safetensors'].map((name) => join(folder, name)),
    );
    writeSafetensors(join(folder, 'x-1.safetensors'), [['b2', data(4)]]);
    expect(weightsHash(folder)).not.toBe(hashes[1]);
  });
});

describe('writing shards', () => {
  /** The whole's tensors, in the order of transformers' shards; each asking for values is noted. */
  function sources(dtype: TensorSource['dtype'], asked: string[] = []): [string, TensorSource][] {
    const file = openModel(SHARDED).openWeights();
    return [...file.tensors].map(([name, { shape }]) => [
      name,
      {
        dtype,
        shape,
        data: () => {
          asked.push(name);
          return file.floats(name);
        },
      },
    ]);
  }

  it('gives the shards and the index that transformers gives', () => {
    const folder = join(temporary(), 'new');
    const asked: string[] = [];
    const tensors = sources('F32', asked);
    const paths = writeShardedSafetensors(folder, tensors, { maxShardBytes: 40_000 });
    expect(paths).toEqual(weightFiles(folder));
    expect(readFileSync(join(folder, INDEX), 'utf8')).toBe(readFileSync(join(SHARDED, INDEX), 'utf8'));
    expect(asked).toEqual(tensors.map(([name]) => name));
    for (const path of paths) {
      const [ours, theirs] = [path, join(SHARDED, path.slice(folder.length))].map(SafetensorsFile.open);
      expect(ours!.metadata).toEqual(theirs!.metadata);
      expect([...ours!.tensors.keys()].sort()).toEqual([...theirs!.tensors.keys()].sort());
      for (const name of theirs!.tensors.keys()) expect(ours!.bytes(name)).toEqual(theirs!.bytes(name));
    }
  });

  it.each([
    ['BF16', 2 ** -8],
    ['F16', 2 ** -11],
  ] as const)('in %s, rounded', (dtype, precision) => {
    const folder = temporary();
    const paths = writeShardedSafetensors(folder, sources(dtype), { maxShardBytes: 20_000 });
    expect(paths).toHaveLength(3);
    const [file, whole] = [folder, WHOLE].map(openFolderWeights);
    let equal = 0;
    for (const name of whole!.tensors.keys()) {
      expect(file!.tensors.get(name)!.dtype).toBe(dtype);
      const exact = whole!.floats(name);
      file!.floats(name).forEach((value, i) => {
        if (value === exact[i]) equal++;
        if (!(Math.abs(value - exact[i]!) <= precision * Math.abs(exact[i]!) + 2 ** -25))
          expect(value).toBe(exact[i]);
      });
    }
    expect(equal).toBeLessThan(10_000);
  });

  it('one shard is model.safetensors, and a tensor larger than a shard has its own', () => {
    const one = temporary();
    expect(writeShardedSafetensors(one, sources('F32'))).toEqual([join(one, 'model.safetensors')]);
    expect(readdirSync(one)).toEqual(['model.safetensors']);
    const many = temporary();
    const tensors = sources('F32');
    expect(writeShardedSafetensors(many, tensors, { maxShardBytes: 1 })).toHaveLength(tensors.length);
  });

  it('leaves no weights where it fails, and goes over what was left', () => {
    const folder = temporary();
    const tensors = sources('F32');
    const failing = tensors.map(([name, tensor], i): [string, TensorSource] =>
      i < 10 ? [name, tensor] : [name, { ...tensor, data: () => new Float32Array(1) }],
    );
    expect(() => writeShardedSafetensors(folder, failing, { maxShardBytes: 40_000 })).toThrow(
      'values and has 1',
    );
    expect(readdirSync(folder)).not.toContain(INDEX);
    expect(readdirSync(folder).length).toBeGreaterThan(0);
    writeShardedSafetensors(folder, tensors, { maxShardBytes: 60_000 });
    expect(readdirSync(folder).sort()).toEqual(
      ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', INDEX].sort(),
    );
  });

  it('does not write over weights', () => {
    const folder = temporary();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'pytorch_model.bin'), '');
    expect(refusal(() => writeShardedSafetensors(folder, sources('F32')))).toContain(
      `${folder} has a model's weights already`,
    );
  });
});
