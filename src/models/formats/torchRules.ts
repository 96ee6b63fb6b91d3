import { TruecastError } from '../../support/errors.js';
import { BYTES, type Dtype } from './bytes.js';
import type { PickleRules } from './pickleMachine.js';
import { Dict, Global, kindOf, Persistent, type PickleValue, Rebuilt, Tuple } from './pickleValues.js';
import type { TorchTensor } from './torchFile.js';
import type { ZipEntry } from './zip.js';

/** PyTorch's storage classes and types, by safetensors' names of the types. */
const STORAGES: Record<string, Dtype> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};
const TYPES: Record<string, Dtype> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
const BY_GLOBAL = new Map<string, { storage?: Dtype; type?: Dtype }>([
  ...Object.entries(STORAGES).map(([name, storage]): [string, { storage: Dtype }] => [
    `torch.${name}`,
    { storage },
  ]),
  ...Object.entries(TYPES).map(([name, type]): [string, { type: Dtype }] => [`torch.${name}`, { type }]),
]);
const UNTYPED = new Set(['torch.UntypedStorage', 'torch.storage.UntypedStorage']);
const FUNCTIONS = new Set([
  'collections.OrderedDict',
  'torch.Size',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_tensor_v3',
  'torch._utils._rebuild_parameter',
]);
const MOST_DIMENSIONS = 64;

/** A storage: an entry of the zip; untyped ones get their type from the tensor. */
interface Storage {
  key: string;
  entry: ZipEntry;
  /** In elements of `dtype`, or bytes. */
  size: number;
  dtype?: Dtype;
}

/** What the pickle of a state dict may say: how tensors are rebuilt from storages, and no more. */
export function torchRules(entryOf: (key: string) => ZipEntry | undefined, path: string): PickleRules {
  const bad = (what: string) => new TruecastError(`${path}: ${what}`, 'copy it again');
  return {
    known: (name) => BY_GLOBAL.has(name) || UNTYPED.has(name) || FUNCTIONS.has(name),
    persistent: (id) => storageOf(id, entryOf, bad),
    call: (name, args) => {
      switch (name) {
        case 'collections.OrderedDict':
          if (args.length > 0) throw bad('an OrderedDict is made of something');
          return new Dict(true);
        case 'torch.Size':
          if (!(args.length === 1 && args[0] instanceof Tuple))
            throw bad('a torch.Size is not made of a tuple');
          return args[0];
        case 'torch._utils._rebuild_parameter':
          if (!(args[0] instanceof Rebuilt)) throw bad(`a parameter is made of ${kindOf(args[0])}`);
          return args[0];
        case 'torch._utils._rebuild_tensor_v2':
          return new Rebuilt(tensorOf(args, undefined, bad));
        case 'torch._utils._rebuild_tensor_v3': {
          const type = args[6] instanceof Global ? BY_GLOBAL.get(args[6].name)?.type : undefined;
          if (type === undefined) throw bad(`a tensor has ${kindOf(args[6])} for its type`);
          return new Rebuilt(tensorOf(args, type, bad));
        }
        default:
          return undefined;
      }
    },
  };
}

type Bad = (what: string) => TruecastError;

/** From ('storage', class, key, device, size). */
function storageOf(id: PickleValue, entryOf: (key: string) => ZipEntry | undefined, bad: Bad): Storage {
  const [tag, type, key, , size] = id instanceof Tuple && id.items.length === 5 ? id.items : [];
  if (tag !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || !isCount(size))
    throw bad('a storage is named by something else than its type, key, device and size');
  const dtype = BY_GLOBAL.get(type.name)?.storage;
  if (dtype === undefined && !UNTYPED.has(type.name)) throw bad(`a storage is of the type ${type.name}`);
  const shown = JSON.stringify(key).slice(0, 80);
  const entry = entryOf(key);
  if (entry === undefined) throw bad(`it has no storage ${shown}, which its pickle names`);
  const bytes = size * (dtype === undefined ? 1 : BYTES[dtype]);
  if (bytes !== entry.size) throw bad(`storage ${shown} should have ${bytes} bytes and has ${entry.size}`);
  return { key: shown, entry, size, dtype };
}

/** From (storage, offset, size, strides, …), which must lie within the storage. */
function tensorOf(args: readonly PickleValue[], type: Dtype | undefined, bad: Bad): TorchTensor {
  const [stored, offset, shape, strides] = args;
  if (!(stored instanceof Persistent)) throw bad(`a tensor is made of ${kindOf(stored)}, not of a storage`);
  const storage = stored.value as Storage;
  const dtype = type ?? storage.dtype;
  if (dtype === undefined) throw bad(`a tensor of storage ${storage.key} has no type`);
  const where = `a tensor of storage ${storage.key}`;
  const [lengths, steps] = [counts(shape), counts(strides)];
  if (!isCount(offset) || !lengths || !steps || lengths.length !== steps.length)
    throw bad(`${where} has no proper offset, shape and strides`);
  const width = BYTES[dtype];
  const available = storage.entry.size / width;
  const size = lengths.reduce((product, n) => product * n, 1);
  const span = size === 0 ? 0 : lengths.reduce((sum, n, d) => sum + (n - 1) * steps[d]!, 1);
  // more elements than the storage has would be one element many times: no weights are like that
  if (!(offset + span <= available && size <= available))
    throw bad(
      `${where}, [${lengths}] with strides [${steps}] from ${offset}, leaves its ${available} elements`,
    );
  return { dtype, shape: lengths, strides: steps, size, span, begin: storage.entry.begin + offset * width };
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function counts(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof Tuple) || value.items.length > MOST_DIMENSIONS) return undefined;
  const items = value.items.filter(isCount);
  return items.length === value.items.length ? items : undefined;
}
