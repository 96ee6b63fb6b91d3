import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GgufFile } from '../../src/models/formats/gguf/file.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { TruecastError } from '../../src/support/errors.js';
import { f32, ggufBytes, type TestGguf, writeGguf } from '../helpers/ggufWriter.js';
import { temporaryFolders } from '../helpers/temporary.js';

const FIXTURES = join(import.meta.dirname, '../fixtures/gguf');
const temporary = temporaryFolders();

function refusal(call: () => unknown): TruecastError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(TruecastError);
    return error as TruecastError;
  }
  throw new Error('expected a refusal');
}

describe('tensors', () => {
  const file = GgufFile.open(join(FIXTURES, 'types.gguf'));
  const golden = SafetensorsFile.open(join(FIXTURES, 'types.safetensors'));

  it.each([...golden.tensors.keys()])('%s: the very bits that gguf-py gives', (name) => {
    const { shape, dtype } = file.tensors.get(name)!;
    expect(dtype).toBe(name);
    expect(shape).toEqual(golden.info(name).shape);
    const [actual, expected] = [file.floats(name), golden.floats(name)];
    expect(actual).toHaveLength(expected.length);
    const wrong = [...expected.keys()].filter((i) => !Object.is(actual[i], expected[i]));
    expect(wrong.map((i) => [i, actual[i], expected[i]])).toEqual([]);
    // the fixture has what it is to have
    expect(expected.some(Number.isFinite) && new Set(expected).size > 20).toBe(true);
  });

  it('a tensor of many chunks equals its parts', () => {
    // 18 bytes hold 32 values: 6 MiB are more than one chunk
    const blocks = 350_000;
    const data = new Uint8Array(blocks * 18);
    for (let b = 0; b < blocks; b++) {
      data.set([0x00, 0x3c], b * 18);
      data[b * 18 + 2] = b & 0xff;
    }
    const tensor = { name: 'w', dimensions: [32, blocks], type: 2, data };
    const opened = GgufFile.open(writeGguf(temporary(), { tensors: [tensor] }));
    const values = opened.floats('w');
    opened.close();
    let wrong = 0;
    for (let b = 0; b < blocks; b++) {
      if (values[b * 32] !== (b & 15) - 8 || values[b * 32 + 16] !== ((b >> 4) & 15) - 8) wrong++;
    }
    expect(wrong).toBe(0);
    expect(values).toHaveLength(blocks * 32);
  });

  it.each([...golden.tensors.keys()])('%s: any part of it', (name) => {
    const expected = golden.floats(name);
    const { length } = expected;
    const parts = [
      [0, length],
      [0, 1],
      [length - 1, 1],
      [31, 2],
      [7, length - 20],
      [5, 0],
    ] as const;
    for (const [first, count] of parts) {
      const part = new Float32Array(count + 2).fill(-7).subarray(1, count + 1);
      file.floatsInto(name, part, first);
      expect(part, `${count} from ${first}`).toEqual(expected.subarray(first, first + count));
      // and nothing beside it
      expect([...new Float32Array(part.buffer)].filter((_, i) => i === 0 || i > count)).toEqual([-7, -7]);
    }
    expect(() => file.floatsInto(name, new Float32Array(2), length - 1)).toThrow(`no element ${length}`);
  });

  it('of a type that cannot be read: its name, its type and what to use', () => {
    const tensor = { name: 'blk.0.attn_q.weight', dimensions: [256], type: 10, data: new Uint8Array(84) };
    const path = writeGguf(temporary(), { tensors: [tensor] });
    const opened = GgufFile.open(path);
    const { message, remedy } = refusal(() => opened.floats('blk.0.attn_q.weight'));
    expect(message).toBe(`tensor blk.0.attn_q.weight in ${path} is Q2_K, which cannot be read`);
    expect(remedy).toContain('Q4_K');
    expect(opened.bytes('blk.0.attn_q.weight')).toHaveLength(84);
    opened.close();
  });

  it('cut off after the file was opened', () => {
    const path = writeGguf(temporary(), { tensors: [f32('w', [64], Array(64).fill(1))] });
    const opened = GgufFile.open(path);
    truncateSync(path, readFileSync(path).length - 3);
    expect(refusal(() => opened.floats('w')).message).toContain('ends within tensor w');
    opened.close();
  });
});

describe('metadata', () => {
  it('of every type, as gguf-py reads it', () => {
    const file = GgufFile.open(join(FIXTURES, 'values.gguf'));
    const golden = JSON.parse(readFileSync(join(FIXTURES, 'values.json'), 'utf8')) as object;
    expect(Object.fromEntries(file.metadata)).toEqual(golden);
    expect(Array.from(file.floats('odd'))).toEqual([1, 2, 3]);
    expect(file.tensors.get('matrix')!.shape).toEqual([2, 3]);
    expect(Array.from(file.floats('matrix'))).toEqual([0, 1, 2, 3, 4, 5]);
    file.close();
  });

  it('keeps integers beyond 2⁵³ exact', () => {
    const path = writeGguf(temporary(), { metadata: [['big', ['u64', 2n ** 63n + 1n]]] });
    const file = GgufFile.open(path);
    expect(file.metadata.get('big')).toBe(2n ** 63n + 1n);
    file.close();
  });

  it('takes arrays in arrays', () => {
    const inner = (n: number): ['array', 'u8', number[]] => ['array', 'u8', [n, n + 1]];
    const path = writeGguf(temporary(), { metadata: [['a', ['array', 'array', [inner(1), inner(5)]]]] });
    const file = GgufFile.open(path);
    expect(file.metadata.get('a')).toEqual([
      [1, 2],
      [5, 6],
    ]);
    file.close();
  });
});

const w = (change: object) => ({ ...f32('w', [8], Array(8).fill(1)), ...change });
const raw = (type: number, ...bytes: number[]): TestGguf => ({
  metadata: [['k', ['raw', type, Uint8Array.from(bytes)]]],
});
const deep = ['array', 'array', [['array', 'array', [['array', 'u8', [1]]]]]] as const;
/** An array's claim: element type and count, and nothing after it. */
const claim = (type: number, count: bigint) => {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(type);
  bytes.writeBigUInt64LE(count, 4);
  return raw(9, ...bytes);
};

describe('a file that is damaged or of another kind is refused, by name', () => {
  const cases: [string, TestGguf | Uint8Array, string][] = [
    ['an empty file', new Uint8Array(0), 'is no GGUF file'],
    ['a short file', Buffer.from('GGUF'), 'is no GGUF file'],
    ['another magic number', { magic: 'GGML' }, 'is no GGUF file'],
    ['version 1', { version: 1 }, 'is GGUF version 1, only version 3 can be read'],
    ['version 2', { version: 2 }, 'is GGUF version 2'],
    ['a big-endian file', { version: 3 << 24 }, 'is a big-endian GGUF file'],
    ['a part of a model', { metadata: [['split.count', ['u32', 3]]] }, 'is one of 3 parts of a model'],
    ['absurdly many entries', { entryCount: 2n ** 50n }, 'the metadata at byte 24 claims'],
    ['2⁶⁴ − 1 entries', { entryCount: 2n ** 64n - 1n }, 'the number of metadata entries is 184467'],
    ['absurdly many tensors', { tensorCount: 2n ** 40n }, 'the list of tensors at byte 24 claims'],
    ['an array longer than the file', claim(6, 2n ** 40n), 'k at byte 49 claims 1099511627776 × 4 bytes'],
    ['an array of strings longer than the file', claim(8, 2n ** 30n), 'k at byte 49 claims'],
    ['an array of an unknown type', claim(99, 3n), 'k has the unknown type 99'],
    ['arrays nested too deeply', { metadata: [['k', deep as never]] }, 'k nests arrays too deeply'],
    ['a string longer than the file', raw(8, 255, 255, 255, 0, 0, 0, 0, 0), 'k at byte 45 claims 16777215'],
    ['a value of an unknown type', raw(13, 0), 'k has the unknown type 13'],
    ['a truth value of 2', raw(7, 2), 'k is a truth value and 2'],
    ['text that is not UTF-8', raw(8, 2, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x28), 'k is not UTF-8'],
    [
      'a key that comes twice',
      {
        metadata: [
          ['k', ['u8', 1]],
          ['k', ['u8', 1]],
        ],
      },
      'key k comes twice',
    ],
    ['an alignment of 0', { metadata: [['general.alignment', ['u32', 0]]] }, 'general.alignment is 0'],
    ['an alignment of 48', { metadata: [['general.alignment', ['u32', 48]]] }, '48, is no power of two'],
    [
      'an alignment that is text',
      { metadata: [['general.alignment', ['string', '32']]] },
      'general.alignment is 32',
    ],
    ['five dimensions', { tensors: [w({ dimensions: [1, 1, 1, 1, 8] })] }, 'tensor w has 5 dimensions'],
    ['a dimension beyond 2⁵³', { tensors: [w({ dimensions: [2n ** 60n] })] }, 'a dimension of tensor w is'],
    ['a size that overflows', { tensors: [w({ dimensions: [2n ** 40n, 2n ** 40n] })] }, 'tensor w ends'],
    ['an unknown tensor type', { tensors: [w({ type: 200 })] }, 'tensor w has the unknown type 200'],
    ['a type that ggml removed', { tensors: [w({ type: 4 })] }, 'tensor w has the unknown type 4'],
    ['rows that are no whole blocks', { tensors: [w({ dimensions: [40], type: 2 })] }, 'rows of 40'],
    ['an offset that is not aligned', { tensors: [w({ offset: 4 })] }, 'byte 4, which is not aligned to 32'],
    ['an offset beyond the file', { tensors: [w({ offset: 2 ** 40 })] }, 'tensor w ends at byte'],
    [
      'tensors that overlap',
      { tensors: [w({ dimensions: [16] }), w({ name: 'v', offset: 32 })] },
      'tensors w and v overlap',
    ],
    ['a tensor that comes twice', { tensors: [w({}), w({})] }, 'tensor w comes twice'],
    ['data that is cut', ggufBytes({ tensors: [w({})] }).subarray(0, -1), 'tensor w ends at byte'],
  ];

  it.each(cases)('%s', (_name, file, what) => {
    const path = writeGguf(temporary(), file);
    const { message, remedy } = refusal(() => GgufFile.open(path));
    expect(message).toContain(path);
    expect(message).toContain(what);
    expect(remedy).toBeTruthy();
  });

  it('a missing file', () => {
    const path = join(temporary(), 'none.gguf');
    expect(refusal(() => GgufFile.open(path)).message).toContain(`weights cannot be opened: ${path}`);
  });
});
