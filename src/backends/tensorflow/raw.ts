import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import type { TFEOpAttr } from '@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js';
import { unreachable } from '../../support/errors.js';
import * as tf from '../tf.js';

/**
 * TensorFlow's own ops, for which tfjs has no kernel. Outside tfjs's tape: a gradient needs tf.customGrad.
 *
 * TensorFlow knows types that tfjs doesn't. A tensor of such a type carries the nearest tfjs dtype and can
 * only be passed to executeOp: tfjs's own ops on it fail with TensorFlow's type error, and so does reading it.
 */

/** TensorFlow's types, by its enum DataType. */
const TYPES = {
  float32: 1,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  float16: 19,
} as const;

export type StoredType = keyof typeof TYPES;

const TYPE_OF_ENUM = new Map(
  Object.entries(TYPES).map(([name, value]) => [value as number, name as StoredType]),
);

/** An attribute of an op. Numbers say which kind they are, because TensorFlow doesn't convert. */
export type OpAttribute =
  | { int: number }
  | { float: number }
  | { bool: boolean }
  | { string: string }
  | { type: StoredType }
  | { shape: readonly number[] }
  | { ints: readonly number[] }
  | { floats: readonly number[] };

export type OpAttributes = Readonly<Record<string, OpAttribute>>;

interface StoredTensor {
  shape: number[];
  dtype: number;
  id: number;
  values: tf.backend_util.BackendValues | null;
  refCount: number;
}

/** The parts of tfjs-node's backend that are private in its types. */
type Backend = Omit<NodeJSKernelBackend, 'binding'> & {
  binding: NodeJSKernelBackend['binding'];
  tensorMap: tf.DataStorage<StoredTensor>;
  getInputTensorIds(inputs: tf.TensorInfo[]): number[];
};

function backend(): Backend {
  if (tf.getBackend() !== 'tensorflow') {
    throw new Error(`a TensorFlow op was called while the backend is '${tf.getBackend()}'`);
  }
  return tf.backend() as unknown as Backend;
}

/** Runs an op of one output. Type attributes that follow from the inputs may be left out. */
export function executeOp(name: string, inputs: tf.TensorInfo[], attributes: OpAttributes = {}): tf.Tensor {
  return executeOpWithOutputs(name, inputs, attributes, 1)[0]!;
}

/** Runs an op of `outputs` outputs. */
export function executeOpWithOutputs(
  name: string,
  inputs: tf.TensorInfo[],
  attributes: OpAttributes,
  outputs: number,
): tf.Tensor[] {
  const self = backend();
  const encoded = Object.entries(attributes).map(([key, value]) => encode(self, name, key, value));
  const results = self.binding.executeOp(name, encoded, self.getInputTensorIds(inputs), outputs);
  const unknown = results.find((result) => !TYPE_OF_ENUM.has(result.dtype));
  if (unknown !== undefined) {
    for (const result of results) self.binding.deleteTensor(result.id);
    throw new Error(
      `op ${name} returned a tensor of TensorFlow's type ${unknown.dtype}, which is not supported`,
    );
  }
  return results.map(({ id, shape, dtype }) => adopt(self, id, shape, dtype));
}

/** The type in which TensorFlow holds a tensor; tfjs's own dtype may be a stand-in for it. */
export function storedType(tensor: tf.TensorInfo): StoredType {
  const type = TYPE_OF_ENUM.get(backend().tensorMap.get(tensor.dataId as object).dtype);
  if (type === undefined) throw new Error(`a tensor of dtype ${tensor.dtype} has no stored type`);
  return type;
}

/** TensorFlow's number of a tensor, whose values it has from then on. */
export function tensorId(tensor: tf.TensorInfo): number {
  return backend().getInputTensorIds([tensor])[0]!;
}

/** How many tensors tfjs has made of the same memory: clones share it, and so do reshaped ones, which do not count. */
export function sharers(tensor: tf.TensorInfo): number {
  return backend().tensorMap.get(tensor.dataId as object).refCount;
}

/** A uint8 tensor. It may share `values` with the caller, who must not write to them again. */
export function uint8Tensor(values: Uint8Array, shape: number[]): tf.Tensor {
  const self = backend();
  return adopt(self, self.binding.createTensor(shape, TYPES.uint8, values), shape, TYPES.uint8);
}

const absentTensors = new Map<StoredType, tf.TensorInfo>();

/** A tensor of no elements, for an optional input of an op that is left out. It stays, outside tfjs's count. */
export function absent(type: 'float32' | 'int32'): tf.TensorInfo {
  let info = absentTensors.get(type);
  if (info === undefined) {
    const self = backend();
    const values = type === 'float32' ? new Float32Array(0) : new Int32Array(0);
    const id = self.binding.createTensor([0], TYPES[type], values);
    info = { dataId: {}, shape: [0], dtype: type };
    self.tensorMap.set(info.dataId, { shape: [0], dtype: TYPES[type], id, values: null, refCount: 1 });
    absentTensors.set(type, info);
  }
  return info;
}

/** The bytes of a uint8 tensor. */
export function readUint8(tensor: tf.Tensor): Uint8Array {
  return tf.tidy(() => {
    if (tensor.size % 4 !== 0) return Uint8Array.from(cast(tensor, 'int32').dataSync());
    const words = executeOp('Reshape', [tensor, tf.tensor1d([tensor.size / 4, 4], 'int32')]);
    const values = bitcast(words, 'int32').dataSync();
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  });
}

/** The same bits as another type. From a narrower type the last dimension goes, to a narrower one it comes. */
export function bitcast(tensor: tf.TensorInfo, type: StoredType): tf.Tensor {
  return executeOp('Bitcast', [tensor], { type: { type } });
}

/** The same numbers as another type. */
export function cast(tensor: tf.TensorInfo, type: StoredType): tf.Tensor {
  return executeOp('Cast', [tensor], { DstT: { type } });
}

function adopt(self: Backend, id: number, shape: number[], dtype: number): tf.Tensor {
  const dataId = {};
  self.tensorMap.set(dataId, { shape, dtype, id, values: null, refCount: 1 });
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype: standIn(TYPE_OF_ENUM.get(dtype)!) });
}

function standIn(type: StoredType): tf.DataType {
  switch (type) {
    case 'float32':
    case 'bfloat16':
    case 'float16':
      return 'float32';
    case 'int32':
    case 'uint8':
    case 'int8':
    case 'int16':
    case 'uint16':
      return 'int32';
    case 'bool':
      return 'bool';
    default:
      return unreachable(type);
  }
}

function encode({ binding }: Backend, op: string, name: string, attribute: OpAttribute): TFEOpAttr {
  // The addon turns a number that is no integer into 0 without a word.
  const integer = (value: number): number => {
    if (!Number.isSafeInteger(value))
      throw new Error(`attribute ${name} of op ${op} is not an integer: ${value}`);
    return value;
  };
  if ('int' in attribute) return { name, type: binding.TF_ATTR_INT, value: integer(attribute.int) };
  if ('float' in attribute) return { name, type: binding.TF_ATTR_FLOAT, value: attribute.float };
  if ('bool' in attribute) return { name, type: binding.TF_ATTR_BOOL, value: attribute.bool };
  if ('string' in attribute) return { name, type: binding.TF_ATTR_STRING, value: attribute.string };
  if ('type' in attribute) return { name, type: binding.TF_ATTR_TYPE, value: TYPES[attribute.type] };
  if ('shape' in attribute) return { name, type: binding.TF_ATTR_SHAPE, value: attribute.shape.map(integer) };
  if ('ints' in attribute) return { name, type: binding.TF_ATTR_INT, value: attribute.ints.map(integer) };
  if ('floats' in attribute) return { name, type: binding.TF_ATTR_FLOAT, value: [...attribute.floats] };
  return unreachable(attribute);
}
