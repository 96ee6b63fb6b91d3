import { TruecastError } from '../../support/errors.js';
import { BYTES, type Dtype, decodeFloats, hasFloats, WeightBytes } from './bytes.js';
import { unpickle } from './pickle.js';
import { Dict, kindOf, Rebuilt } from './pickleValues.js';
import { gather, isContiguous, type View } from './strided.js';
import type { StoredTensor, TensorFile } from './tensorFile.js';
import { torchRules } from './torchRules.js';
import { ZipArchive, type ZipEntry } from './zip.js';

/** A tensor of a file of torch.save: a view of a storage, which several tensors may share. */
export interface TorchTensor extends StoredTensor, View {
  readonly dtype: Dtype;
}

/** The pickle of a state dict takes some 300 bytes a tensor. */
const LARGEST_PICKLE = 16 * 2 ** 20;
const SAVE_AGAIN =
  'load it with a current PyTorch and save its state_dict() again, with torch.save or better as safetensors';

/**
 * A state dict as torch.save writes it since PyTorch 1.6 (pytorch_model.bin): a zip whose `data.pkl` says which
 * tensor is which part of which `data/N`. The pickle is read as data; nothing in it is run.
 */
export class TorchFile implements TensorFile {
  /** A tensor that does not lie in one piece, while parts of it are asked for. */
  private gathered?: { name: string; bytes: Uint8Array<ArrayBuffer> };

  private constructor(
    private readonly file: WeightBytes,
    readonly tensors: ReadonlyMap<string, TorchTensor>,
  ) {}

  /** Opens a file and checks all it says of its tensors. @throws TruecastError that names the file */
  static open(path: string): TorchFile {
    const file = WeightBytes.open(path);
    try {
      return new TorchFile(file, readTensors(file));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get path(): string {
    return this.file.path;
  }

  close(): void {
    this.file.close();
  }

  info(name: string): TorchTensor {
    const info = this.tensors.get(name);
    if (!info) throw new TruecastError(`no tensor ${name} in ${this.path}`);
    return info;
  }

  /** The tensor's elements, row-major, whatever its strides. */
  bytes(name: string): Uint8Array<ArrayBuffer> {
    const info = this.info(name);
    const width = BYTES[info.dtype];
    const span = new Uint8Array(info.span * width);
    this.file.read(info.begin, span, `tensor ${name}`);
    return isContiguous(info) ? span : gather(span, info, width);
  }

  /** A floating-point tensor as float32, row-major. */
  floats(name: string): Float32Array {
    const values = new Float32Array(this.info(name).size);
    this.floatsInto(name, values, 0);
    return values;
  }

  /** A floating-point tensor from element `first` on as float32, row-major. */
  floatsInto(name: string, into: Float32Array, first: number): void {
    const info = this.info(name);
    const { dtype } = info;
    const what = `tensor ${name}`;
    if (!hasFloats(dtype))
      throw new TruecastError(
        `${what} in ${this.path} is ${dtype}, expected a floating-point type`,
        'use weights in F32, F16, BF16 or F64',
      );
    if (first + into.length > info.size) throw new Error(`${what} does not have as many elements`);
    const width = BYTES[dtype];
    if (isContiguous(info)) {
      this.file.readFloats(info.begin + first * width, dtype, into, what);
      return;
    }
    if (this.gathered?.name !== name) this.gathered = { name, bytes: this.bytes(name) };
    decodeFloats(this.gathered.bytes.subarray(first * width), dtype, into);
    if (first + into.length === info.size) this.gathered = undefined;
  }
}

function readTensors(file: WeightBytes): Map<string, TorchTensor> {
  refuseOtherFormats(file);
  const zip = ZipArchive.open(file);
  const root = rootOf(zip, file);
  const pickle = zip.entry(`${root}data.pkl`)!;
  if (pickle.size > LARGEST_PICKLE)
    throw new TruecastError(
      `${file.path}: its pickle has ${pickle.size} bytes, too many for weights`,
      SAVE_AGAIN,
    );
  const rules = torchRules((key) => zip.entry(`${root}data/${key}`), file.path);
  const state = unpickle(read(file, pickle, 'its pickle'), rules, file.path);
  if (!(state instanceof Dict))
    throw new TruecastError(`${file.path} holds ${kindOf(state)}, not a state dict`, SAVE_AGAIN);
  const tensors = new Map<string, TorchTensor>();
  for (const [name, value] of state.entries) {
    if (typeof name !== 'string' || !(value instanceof Rebuilt))
      throw new TruecastError(
        `${file.path}: its key ${JSON.stringify(name).slice(0, 200)} is ${kindOf(value)}, not a tensor`,
        'save the state dict alone: torch.save(model.state_dict(), …)',
      );
    tensors.set(name, value.value as TorchTensor);
  }
  return tensors;
}

/** The folder that torch.save put all entries in, once it is clear that they are a little-endian state dict. */
function rootOf(zip: ZipArchive, file: WeightBytes): string {
  const names = zip.names();
  const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    const what = pickles.length === 0 ? 'no data.pkl' : 'more than one data.pkl';
    throw new TruecastError(`${file.path} is a zip with ${what}, not a file of torch.save`, SAVE_AGAIN);
  }
  const root = pickles[0]!.slice(0, -'data.pkl'.length);
  if (names.some((name) => name === `${root}constants.pkl` || name.startsWith(`${root}code/`)))
    throw new TruecastError(`${file.path} is a TorchScript program, not a state dict`, SAVE_AGAIN);
  const order = zip.entry(`${root}byteorder`);
  if (order !== undefined && (order.size > 64 || read(file, order, 'byteorder').toString() !== 'little'))
    throw new TruecastError(`${file.path} was not written on a little-endian machine`, SAVE_AGAIN);
  return root;
}

function read(file: WeightBytes, { begin, size }: ZipEntry, what: string): Buffer {
  const bytes = Buffer.alloc(size);
  file.read(begin, bytes, what);
  return bytes;
}

/** Files that are called pytorch_model.bin too, and are no zips. */
function refuseOtherFormats(file: WeightBytes): void {
  const start = Buffer.alloc(Math.min(file.size, 64));
  file.read(0, start, 'its beginning');
  if (start[0] === 0x80)
    throw new TruecastError(`${file.path} is in PyTorch's format from before version 1.6`, SAVE_AGAIN);
  if (start.toString('latin1').startsWith('version https://git-lfs'))
    throw new TruecastError(
      `${file.path} is a Git LFS pointer, not the file itself`,
      'fetch it with git lfs pull',
    );
}
