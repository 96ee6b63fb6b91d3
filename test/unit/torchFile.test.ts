import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { readFloats } from '../../src/models/formats/tensorFile.js';
import { TorchFile } from '../../src/models/formats/torchFile.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { type EntryToZip, zipOf } from '../helpers/zip.js';

const temporary = temporaryFolders();
const FOLDER = 'test/fixtures/torch-bin';
const golden = SafetensorsFile.open(join(FOLDER, 'golden.safetensors'));

describe('files of torch.save', () => {
  it.each(['dtypes', 'views', 'module', 'protocol4', 'protocol5'])(
    '%s: every tensor as PyTorch has it',
    (name) => {
      const file = TorchFile.open(join(FOLDER, `${name}.bin`));
      const expected = [...golden.tensors].filter(([key]) => key.startsWith(`${name}.`));
      expect([...file.tensors.keys()].sort()).toEqual(
        expected.map(([key]) => key.slice(name.length + 1)).sort(),
      );
      for (const [key, { dtype, shape }] of expected) {
        const tensor = key.slice(name.length + 1);
        expect({ dtype: file.info(tensor).dtype, shape: file.info(tensor).shape }, key).toEqual({
          dtype,
          shape,
        });
        expect(Buffer.from(file.bytes(tensor)).equals(golden.bytes(key)), key).toBe(true);
        if (!/^(F|BF)/.test(dtype)) {
          expect(refusal(() => file.floats(tensor))).toContain(
            `tensor ${tensor} in ${file.path} is ${dtype}`,
          );
          continue;
        }
        const floats = golden.floats(key);
        expect(file.floats(tensor), key).toEqual(floats);
        // and in parts of five
        const parts = new Float32Array(floats.length);
        for (let first = 0; first < parts.length; first += 5)
          readFloats(file, tensor, parts.subarray(first, first + 5), first);
        expect(parts, key).toEqual(floats);
      }
      file.close();
    },
  );

  it.each([
    ['nested', 'its key "model" is a dict, not a tensor | save the state dict alone'],
    ['tensor', 'holds a tensor, not a state dict'],
    ['os-system', 'posix.system is refused'],
    ['eval', 'eval is refused'],
    ['getattr', 'getattr is refused'],
    ['hook', 'print is refused'],
    ['module', 'torch.nn.modules.linear.Linear is refused'],
    ['unsigned', 'torch.uint16 is refused'],
    ['complex', 'torch.ComplexFloatStorage is refused'],
    ['expanded', '[1000] with strides [0] from 0, leaves its 1 elements'],
    ['legacy', 'format from before version 1.6 | load it with a current PyTorch'],
  ])('refused/%s.bin is refused', (name, what) => {
    const path = join(FOLDER, 'refused', `${name}.bin`);
    const message = refusal(() => TorchFile.open(path));
    expect(message).toContain(path);
    expect(message).toContain(what);
  });

  it('every file of refused is among these', () => {
    expect(readdirSync(join(FOLDER, 'refused'))).toHaveLength(11);
  });
});

/** Opcodes and their arguments as bytes: texts as they are, numbers as single bytes. */
function pickle(...parts: (string | number | Uint8Array)[]): Buffer {
  const bytes = parts.map((part) =>
    typeof part === 'number'
      ? Buffer.from([part])
      : typeof part === 'string'
        ? Buffer.from(part, 'latin1')
        : part,
  );
  return Buffer.concat([Buffer.from([0x80, 2]), ...bytes]);
}

const unicode = (text: string) =>
  Buffer.concat([Buffer.from('X'), int32(text.length), Buffer.from(text, 'latin1')]);
function int32(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(n);
  return bytes;
}
const integer = (n: number) => Buffer.concat([Buffer.from('J'), int32(n)]);
const tuple = (...items: (Buffer | string)[]) => pickle('(', ...items, 't').subarray(2);

/** ('storage', FloatStorage, key, 'cpu', size), resolved. */
const storage = (size: number | string | Buffer, key = '0', type = 'torch\nFloatStorage\n') =>
  pickle(
    tuple(
      unicode('storage'),
      `c${type}`,
      unicode(key),
      unicode('cpu'),
      typeof size === 'number' ? integer(size) : size,
    ),
    'Q',
  ).subarray(2);

/** A tensor rebuilt from arguments. */
const rebuilt = (...args: (Buffer | string)[]) =>
  pickle('ctorch._utils\n_rebuild_tensor_v2\n', tuple(...args), 'R').subarray(2);
const shape = (...sizes: number[]) => tuple(...sizes.map(integer));
/** [2, 3] of the first storage, and the rest of PyTorch's arguments. */
const tensor = (changes: { storage?: Buffer; offset?: Buffer; size?: Buffer; stride?: Buffer } = {}) =>
  rebuilt(
    changes.storage ?? storage(6),
    changes.offset ?? integer(0),
    changes.size ?? shape(2, 3),
    changes.stride ?? shape(3, 1),
    '\x89',
    'ccollections\nOrderedDict\n)R',
  );
const stateDict = (value: Buffer | string, key = 'w') => pickle('}', unicode(key), value, 's.');

const SIX = new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer);

function archive(data: Uint8Array, more: EntryToZip[] = [], options?: Parameters<typeof zipOf>[1]): string {
  const path = join(temporary(), 'pytorch_model.bin');
  const entries = [{ name: 'archive/data.pkl', data }, { name: 'archive/data/0', data: SIX }, ...more];
  writeFileSync(path, zipOf(entries, options));
  return path;
}

function opened(path: string): number[] {
  const file = TorchFile.open(path);
  const values = Array.from(file.floats('w'));
  file.close();
  return values;
}

describe('a file made by hand', () => {
  it('is read, with zip64 fields, with a comment, and in either order of bytes said', () => {
    const good = stateDict(tensor());
    expect(opened(archive(good))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(opened(archive(good, [], { wide: true }))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(opened(archive(good, [], { comment: 'PK\x05\x06 and more' }))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(opened(archive(good, [{ name: 'archive/byteorder', data: Buffer.from('little') }]))).toHaveLength(
      6,
    );
    expect(
      refusal(() => opened(archive(good, [{ name: 'archive/byteorder', data: Buffer.from('big') }]))),
    ).toContain('was not written on a little-endian machine');
  });

  it('takes untyped storages, whose type the tensor has, and sizes as torch.Size', () => {
    const untyped = pickle(
      'ctorch._utils\n_rebuild_tensor_v3\n',
      tuple(
        storage(24, '0', 'torch.storage\nUntypedStorage\n'),
        integer(2),
        pickle('ctorch\nSize\n', shape(2), '\x85R').subarray(2),
        shape(3),
        '\x89',
        '}',
        'ctorch\nfloat32\n',
        'N',
      ),
      'R',
    ).subarray(2);
    expect(opened(archive(stateDict(untyped)))).toEqual([3, 6]);
    const typeless = tensor({ storage: storage(24, '0', 'torch\nUntypedStorage\n') });
    expect(refusal(() => opened(archive(stateDict(typeless))))).toContain(
      'a tensor of storage "0" has no type',
    );
  });

  const LONG = 2 ** 31 - 1;
  it.each<[string, Buffer, string]>([
    ['a module function', stateDict('cos\nsystem\n'), 'os.system is refused (byte 9 of the pickle)'],
    ['builtins', stateDict('c__builtin__\neval\n'), '__builtin__.eval is refused'],
    ['a name with dots', stateDict('ctorch\n_utils._rebuild_tensor_v2.__globals__\n'), 'is refused'],
    ['a name of Object.prototype', stateDict('ctorch\nconstructor\n'), 'torch.constructor is refused'],
    [
      'a global from the stack',
      stateDict(pickle(unicode('os'), unicode('system'), '\x93').subarray(2)),
      'os.system is refused',
    ],
    ['a global without a name', stateDict('}}\x93'), 'a global without a name'],
    ['a call of a type', stateDict('ctorch\nFloatStorage\n)R'), 'a call of torch.FloatStorage is refused'],
    ['a call of a tensor', stateDict(pickle(tensor(), ')R').subarray(2)), 'a call of a tensor is refused'],
    [
      'a call with a dict',
      stateDict('ccollections\nOrderedDict\n}R'),
      'collections.OrderedDict is called with a dict',
    ],
    [
      'an OrderedDict of items',
      stateDict('ccollections\nOrderedDict\n]\x85R'),
      'an OrderedDict is made of something',
    ],
    [
      'a parameter of nothing',
      stateDict('ctorch._utils\n_rebuild_parameter\n)R'),
      'a parameter is made of nothing',
    ],
    ['BUILD of a dict', pickle('}}b.'), 'opcode 0x62 (BUILD) on a dict is refused'],
    [
      'BUILD with another attribute',
      pickle('ccollections\nOrderedDict\n)R}', unicode('__class__'), 'Nsb.'),
      'opcode 0x62 (BUILD) on a dict is refused',
    ],
    ['NEWOBJ', stateDict('ccollections\nOrderedDict\n)\x81'), 'opcode 0x81 (NEWOBJ) is refused'],
    ['INST', stateDict('(ios\nsystem\n'), 'opcode 0x69 (INST) is refused'],
    ['OBJ', stateDict('(ctorch\nSize\no'), 'opcode 0x6f (OBJ) is refused'],
    ['EXT1', stateDict('\x82\x01'), 'opcode 0x82 (EXT1) is refused'],
    ['an opcode that is none', stateDict('\xff'), 'opcode 0xff is refused'],
    ['protocol 0', Buffer.from('(dp0\n.'), 'opcode 0x64 (DICT) is refused'],
    ['protocol 9', Buffer.from([0x80, 9, 0x7d, 0x2e]), 'pickle protocol 9 is refused'],
    ['nothing', Buffer.alloc(0), 'damaged pickle at byte 0: it is cut off'],
    ['a text that is cut', pickle('}X', int32(LONG), 'w'), 'it is cut off'],
    ['no STOP', pickle('}'), 'it is cut off'],
    ['STOP of nothing', pickle('.'), 'an empty stack'],
    ['SETITEM of nothing', pickle('s.'), 'an empty stack'],
    ['a mark as a value', pickle('}(s.'), 'an empty stack'],
    ['no mark', pickle('}u.'), 'no mark on the stack'],
    ['a key without its value', pickle('}(K\x01u.'), 'a key without its value'],
    ['a list as a key', pickle('}]Ns.'), 'a list as a key'],
    ['a key twice', pickle('}(K\x01NK\x01Nu.'), 'the key 1 twice'],
    ['items set in a list', pickle(']K\x01Ns.'), 'items of a dict are set in a list'],
    ['an empty memo', pickle('h\x07.'), 'memo 7 is empty'],
    ['a memo far away', pickle('}r\xff\xff\xff\xffj\xfe\xff\xff\xff.'), 'memo 4294967294 is empty'],
    [
      'a dict within itself',
      pickle('}q\x00', unicode('w'), 'h\x00s.'),
      'its key "w" is a dict, not a tensor',
    ],
    ['a number as a key', pickle('}K\x01', tensor(), 's.'), 'its key 1 is a tensor'],
    ['a list', pickle('].'), 'holds a list, not a state dict'],
    [
      'a storage of another shape',
      stateDict(pickle(tuple(unicode('storage')), 'Q').subarray(2)),
      'a storage is named by something else',
    ],
    [
      'a storage that is not there',
      stateDict(tensor({ storage: storage(6, '../1') })),
      'it has no storage "../1"',
    ],
    [
      'a storage of another size',
      stateDict(tensor({ storage: storage(LONG) })),
      'storage "0" should have 8589934588 bytes and has 24',
    ],
    [
      'a storage of a function',
      stateDict(tensor({ storage: storage(6, '0', 'torch\nSize\n') })),
      'a storage is of the type torch.Size',
    ],
    ['a tensor of a dict', stateDict(tensor({ storage: Buffer.from('}') })), 'a tensor is made of a dict'],
    ['a tensor beyond its storage', stateDict(tensor({ size: shape(2, 4) })), 'leaves its 6 elements'],
    ['an offset beyond its storage', stateDict(tensor({ offset: integer(1) })), 'leaves its 6 elements'],
    ['a negative offset', stateDict(tensor({ offset: integer(-1) })), 'no proper offset, shape and strides'],
    ['a negative stride', stateDict(tensor({ stride: shape(-3, 1) })), 'no proper offset, shape and strides'],
    [
      'strides that are missing',
      stateDict(tensor({ stride: shape(3) })),
      'no proper offset, shape and strides',
    ],
    [
      'a shape that overflows',
      stateDict(tensor({ size: shape(...Array(40).fill(LONG)), stride: shape(...Array(40).fill(0)) })),
      'leaves its 6 elements',
    ],
    [
      'a shape of 65 dimensions',
      stateDict(tensor({ size: shape(...Array(65).fill(1)), stride: shape(...Array(65).fill(0)) })),
      'no proper offset',
    ],
    [
      'a long number as a size',
      stateDict(
        tensor({ size: tuple(pickle('\x8a\x09', Buffer.alloc(9, 1)).subarray(2)), stride: shape(1) }),
      ),
      'no proper offset',
    ],
    ['a million dicts and more', pickle('('.concat('}'.repeat(2 ** 20 + 8))), 'more than'],
    ['a deep stack', pickle('N'.repeat(2 ** 20 + 8)), 'a stack of more than'],
    ['a pickle of 17 MiB', Buffer.alloc(17 * 2 ** 20, 'N'), 'too many for weights'],
  ])('is refused: %s', (_name, data, what) => {
    const path = archive(data);
    const message = refusal(() => opened(path));
    expect(message).toContain(path);
    expect(message).toContain(what);
  });

  const one = stateDict(tensor());
  it.each<[string, () => Buffer, string]>([
    ['nothing', () => Buffer.alloc(0), 'it has no end record'],
    ['no zip', () => Buffer.from('no zip at all, but long enough to be one'), 'it has no end record'],
    [
      'a Git LFS pointer',
      () => Buffer.from('version https://git-lfs.github.com/spec/v1\noid'),
      'is a Git LFS pointer',
    ],
    ['one that is cut', () => readFileSync(archive(one)).subarray(0, -30), 'it has no end record'],
    ['no pickle', () => zipOf([{ name: 'a/b', data: one }]), 'a zip with no data.pkl'],
    [
      'two pickles',
      () => zipOf(['a', 'b'].map((name) => ({ name: `${name}/data.pkl`, data: one }))),
      'more than one data.pkl',
    ],
    [
      'a TorchScript program',
      () =>
        zipOf([
          { name: 'a/data.pkl', data: one },
          { name: 'a/code/__torch__.py', data: SIX, method: 8 },
        ]),
      'is a TorchScript program',
    ],
    [
      'two entries of a name',
      () => zipOf([0, 1].map(() => ({ name: 'a/data.pkl', data: one }))),
      'two entries a/data.pkl',
    ],
    [
      'a compressed pickle',
      () => zipOf([{ name: 'a/data.pkl', data: one, method: 8 }]),
      'entry a/data.pkl is compressed (method 8)',
    ],
    [
      'an encrypted pickle',
      () => zipOf([{ name: 'a/data.pkl', data: one, flags: 1 }]),
      'entry a/data.pkl is encrypted',
    ],
    [
      'an encrypted storage',
      () =>
        zipOf([
          { name: 'a/data.pkl', data: one },
          { name: 'a/data/0', data: SIX, flags: 0x41 },
        ]),
      'entry a/data/0 is encrypted',
    ],
  ])('is refused as a zip: %s', (_name, make, what) => {
    const path = join(temporary(), 'pytorch_model.bin');
    writeFileSync(path, make());
    const message = refusal(() => opened(path));
    expect(message).toContain(path);
    expect(message).toContain(what);
  });
});
