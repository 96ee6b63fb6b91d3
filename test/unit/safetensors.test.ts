import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { floatToBfloat } from '../../src/models/formats/floats.js';
import { SafetensorsFile, writeSafetensors } from '../../src/models/formats/safetensors.js';
import { TruecastError } from '../../src/support/errors.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();

/** A file from a header, or its text, and the bytes that follow it. */
function file(header: unknown, data: Uint8Array = new Uint8Array(0), claimed?: bigint): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header), 'utf8');
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(text.length));
  const path = join(temporary(), 'model.safetensors');
  writeFileSync(path, Buffer.concat([prefix, text, data]));
  return path;
}

const tensor = (dtype: unknown, shape: unknown, data_offsets: unknown) => ({ dtype, shape, data_offsets });

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(TruecastError);
    return (error as TruecastError).message;
  }
  throw new Error('expected a refusal');
}

const bytes = (n: number) => new Uint8Array(n);

describe('a damaged safetensors file is refused, by name', () => {
  const cases: [string, () => string, string][] = [
    [
      'an empty file',
      () => {
        const path = join(temporary(), 'empty');
        writeFileSync(path, '');
        return path;
      },
      'it has only 0 bytes',
    ],
    [
      'half a length',
      () => {
        const path = join(temporary(), 'half');
        writeFileSync(path, bytes(5));
        return path;
      },
      'it has only 5 bytes',
    ],
    [
      'a header that is cut',
      () => {
        const path = file({ w: tensor('F32', [2], [0, 8]) }, bytes(8));
        truncateSync(path, 20);
        return path;
      },
      'the file has 20',
    ],
    [
      'a header of many gigabytes',
      () => file('{}', bytes(8), 2n ** 40n),
      'its header claims 1099511627776 bytes',
    ],
    ['a header of 2⁶⁴ − 1 bytes', () => file('{}', bytes(8), 2n ** 64n - 1n), 'its header claims'],
    ['a header that is no JSON', () => file('{"w": '), 'its header is not JSON'],
    ['a header that is a list', () => file([]), 'its header is no object'],
    ['a header that is null', () => file('null'), 'its header is no object'],
    ['data that is cut', () => file({ w: tensor('F32', [4], [0, 16]) }, bytes(15)), 'tensor w ends at byte'],
    [
      'an unknown type',
      () => file({ w: tensor('F8_E4M3', [1], [0, 1]) }, bytes(1)),
      'tensor w has the unknown type "F8_E4M3"',
    ],
    [
      'a type by an inherited name',
      () => file({ w: tensor('toString', [1], [0, 1]) }, bytes(1)),
      'unknown type "toString"',
    ],
    ['no type', () => file({ w: { shape: [1], data_offsets: [0, 4] } }, bytes(4)), 'unknown type undefined'],
    ['a null entry', () => file({ w: null }, bytes(4)), 'tensor w has the unknown type'],
    [
      'a negative dimension',
      () => file({ w: tensor('F32', [-1], [0, 4]) }, bytes(4)),
      'tensor w has no proper shape',
    ],
    [
      'a fraction of a dimension',
      () => file({ w: tensor('F32', [1.5], [0, 6]) }, bytes(6)),
      'no proper shape',
    ],
    ['no shape', () => file({ w: tensor('F32', 4, [0, 16]) }, bytes(16)), 'no proper shape'],
    [
      'a negative offset',
      () => file({ w: tensor('F32', [1], [-4, 0]) }, bytes(4)),
      'tensor w has no proper data_offsets',
    ],
    [
      'offsets that run backwards',
      () => file({ w: tensor('F32', [1], [4, 0]) }, bytes(8)),
      'no proper data_offsets',
    ],
    ['three offsets', () => file({ w: tensor('F32', [1], [0, 4, 8]) }, bytes(8)), 'no proper data_offsets'],
    [
      'an offset beyond 2⁵³',
      () => file({ w: tensor('F32', [1], [2 ** 54, 2 ** 54 + 4]) }, bytes(4)),
      'no proper data_offsets',
    ],
    [
      'fewer bytes than its shape wants',
      () => file({ w: tensor('F32', [3], [0, 8]) }, bytes(8)),
      'F32 [3], wants 12 bytes and has 8',
    ],
    [
      'a shape whose size overflows',
      () => file({ w: tensor('F32', [2 ** 40, 2 ** 40], [0, 8]) }, bytes(8)),
      'and has 8',
    ],
    [
      'tensors that overlap',
      () => file({ a: tensor('F32', [2], [0, 8]), b: tensor('F32', [2], [4, 12]) }, bytes(12)),
      'tensors a and b overlap',
    ],
    [
      'one tensor within another',
      () => file({ a: tensor('U8', [8], [0, 8]), b: tensor('U8', [2], [2, 4]) }, bytes(8)),
      'tensors a and b overlap',
    ],
  ];

  it.each(cases)('%s', (_name, make, what) => {
    const path = make();
    const message = refusal(() => SafetensorsFile.open(path));
    expect(message).toContain(path);
    expect(message).toContain(what);
  });

  it('a missing file', () => {
    const path = join(temporary(), 'none.safetensors');
    expect(refusal(() => SafetensorsFile.open(path))).toContain(`weights cannot be opened: ${path}`);
  });

  it('a file that is cut after it was opened', () => {
    const path = file({ w: tensor('F32', [4], [0, 16]) }, bytes(16));
    const opened = SafetensorsFile.open(path);
    truncateSync(path, readFileSync(path).length - 3);
    expect(refusal(() => opened.floats('w'))).toContain('ends within tensor w');
    opened.close();
  });
});

describe('reading', () => {
  it.each([
    [
      'F64',
      new Float64Array([1.5, -0.1, 1e300, Number.NaN]),
      [1.5, Math.fround(-0.1), Number.POSITIVE_INFINITY, Number.NaN],
    ],
    ['F32', new Float32Array([1.5, -0.1, 3e38, -0]), [1.5, Math.fround(-0.1), Math.fround(3e38), -0]],
    // 1.5, the largest, the smallest subnormal, the largest subnormal, −2, ∞, −∞, NaN, −0
    [
      'F16',
      new Uint16Array([0x3e00, 0x7bff, 0x0001, 0x03ff, 0xc000, 0x7c00, 0xfc00, 0x7e00, 0x8000]),
      [
        1.5,
        65504,
        2 ** -24,
        1023 * 2 ** -24,
        -2,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        Number.NaN,
        -0,
      ],
    ],
    [
      'BF16',
      new Uint16Array([0x3fc0, 0xc000, 0x0001, 0x7f80, 0xff80, 0x7fc0, 0x8000]),
      [1.5, -2, 2 ** -133, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0],
    ],
  ] as const)('%s as float32', (dtype, data, expected) => {
    const size = data.byteLength;
    const path = file({ w: tensor(dtype, [data.length], [0, size]) }, new Uint8Array(data.buffer));
    const opened = SafetensorsFile.open(path);
    const floats = opened.floats('w');
    expect(floats).toBeInstanceOf(Float32Array);
    expect(Array.from(floats)).toEqual(expected);
    opened.close();
  });

  it('refuses a tensor of another type, and one that is not there, by name', () => {
    const path = file({ n: tensor('I64', [1], [0, 8]), f: tensor('F32', [1], [8, 12]) }, bytes(12));
    const opened = SafetensorsFile.open(path);
    expect(refusal(() => opened.floats('n'))).toBe(
      `tensor n in ${path} is I64, expected a floating-point type`,
    );
    expect(refusal(() => opened.ints('f'))).toBe(`tensor f in ${path} is F32, expected I32`);
    expect(refusal(() => opened.floats('x'))).toBe(`no tensor x in ${path}`);
    opened.close();
  });

  it('takes scalars, empty tensors, gaps, and tensors in any order', () => {
    const header = {
      __metadata__: { format: 'pt' },
      second: tensor('F32', [1], [12, 16]),
      empty: tensor('F32', [0, 5], [4, 4]),
      first: tensor('F32', [], [0, 4]),
    };
    const data = new Uint8Array(new Float32Array([7, 0, 0, 9]).buffer);
    const opened = SafetensorsFile.open(file(header, data));
    expect([...opened.tensors.keys()]).toEqual(['second', 'empty', 'first']);
    expect(opened.metadata).toEqual({ format: 'pt' });
    expect(Array.from(opened.floats('first'))).toEqual([7]);
    expect(Array.from(opened.floats('second'))).toEqual([9]);
    expect(opened.floats('empty')).toHaveLength(0);
    opened.close();
  });
});

describe('writing', () => {
  it('gives back what was written, and the same bytes each time', () => {
    const tensors = [
      ['b', { dtype: 'F32', shape: [2, 2], data: new Float32Array([1, -2, 3.5, 1e-40]) }],
      ['a', { dtype: 'I32', shape: [3], data: new Int32Array([1, -2, 2 ** 31 - 1]) }],
      ['u', { dtype: 'U8', shape: [5], data: new Uint8Array([0, 255, 1, 2, 3]) }],
      ['ü', { dtype: 'BF16', shape: [2], data: new Float32Array([1, -0.5]) }],
    ] as const;
    const [first, second] = [join(temporary(), 'w'), join(temporary(), 'w')];
    writeSafetensors(first, tensors);
    writeSafetensors(second, tensors);
    expect(readFileSync(first)).toEqual(readFileSync(second));
    const opened = SafetensorsFile.open(first);
    expect([...opened.tensors.keys()]).toEqual(['b', 'a', 'u', 'ü']);
    expect(opened.floats('b')).toEqual(tensors[0][1].data);
    expect(opened.ints('a')).toEqual(tensors[1][1].data);
    expect(opened.bytes('u')).toEqual(tensors[2][1].data);
    expect(Array.from(opened.floats('ü'))).toEqual([1, -0.5]);
    expect(opened.info('b').begin % 8).toBe(0);
    opened.close();
  });

  it('a view of a larger buffer writes its own part', () => {
    const path = join(temporary(), 'w');
    const all = new Float32Array([1, 2, 3, 4]);
    writeSafetensors(path, [['w', { dtype: 'F32', shape: [2], data: all.subarray(1, 3) }]]);
    const opened = SafetensorsFile.open(path);
    expect(Array.from(opened.floats('w'))).toEqual([2, 3]);
    opened.close();
  });

  it('rounds to bfloat16 to the nearest, ties to even', () => {
    expect(
      [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -0, 3.4e38, Number.POSITIVE_INFINITY].map(
        floatToBfloat,
      ),
    ).toEqual([0x3f80, 0x3f80, 0x3f82, 0x3f81, 0x8000, 0x7f80, 0x7f80]);
    expect(floatToBfloat(Number.NaN) & 0x7fff).toBeGreaterThan(0x7f80);
  });
});
