import { NF4_BLOCK, NF4_CODES } from '../../ops/nf4.js';
import { TruecastError } from '../../support/errors.js';
import { readFloats, type StoredTensor, type TensorFile } from '../formats/tensorFile.js';
import type { NestedScales, Nf4Matrix, Quantization } from '../nf4.js';
import { nf4Values } from '../nf4Values.js';
import { checkTensors } from '../weights.js';
import type { BnbConfig } from './config.js';
import {
  ABSMAX,
  NESTED_ABSMAX,
  NESTED_QUANT_MAP,
  NF4_STATE,
  QUANT_MAP,
  type QuantState,
  readState,
  STATE,
} from './state.js';

/** Types that bnb_4bit_quant_storage packs bytes into, with their size. */
const STORAGE = new Map([
  ['U8', 1],
  ['I8', 1],
  ['BF16', 2],
  ['F16', 2],
  ['F32', 4],
  ['F64', 8],
]);
const NESTED_MAP = 256;

/** A packed weight on the host. */
export interface PackedWeight {
  /** With nested scales its absmax is empty. */
  matrix: Nf4Matrix;
  nested?: NestedScales;
}

/**
 * A checkpoint that bitsandbytes packed, as if its weights were matrices of the type NF4: what belongs to them
 * is not among the tensors, and `floats` dequantises them.
 */
export class BnbFile implements TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The weight that is being read part by part. */
  private read?: { name: string; values: Float32Array };

  private constructor(
    private readonly file: TensorFile,
    readonly config: BnbConfig,
    private readonly states: ReadonlyMap<string, QuantState>,
  ) {
    const tensors = new Map<string, StoredTensor>(file.tensors);
    for (const [name, state] of states) {
      for (const part of partsOf(file, name, state).keys()) tensors.delete(part);
      tensors.set(name, { dtype: 'NF4', shape: state.shape });
    }
    this.tensors = tensors;
  }

  /** Takes over `file`, whose packed weights must be all there and as `config` says. */
  static of(file: TensorFile, config: BnbConfig): BnbFile {
    const names = packedNames(file);
    const refused = (what: string) =>
      new TruecastError(`${file.path}: ${what}`, 'use the config.json that belongs to these weights');
    const head = names.find((name) => /(^|\.)lm_head\./.test(name));
    if (head !== undefined) throw refused(`${head} is packed, apart from the embeddings that it shares`);
    const states = new Map(names.map((name) => [name, readState(file, name)]));
    const parts = new Map([...states].flatMap(([name, state]) => [...partsOf(file, name, state)]));
    checkTensors(file, parts, (name) => name, { optional: () => false, ignored: () => true });
    const problems = [...states].flatMap(([name, state]) => {
      if (config.skips(layerOf(name))) return [`${name} is packed, and llm_int8_skip_modules names it`];
      const kind = state.nested_offset === undefined ? 'nf4' : 'nf4-double';
      return kind === config.kind ? [] : [`${name} is packed as ${kind}, not as ${config.kind}`];
    });
    if (problems.length > 0) throw refused(`does not fit quantization_config:\n  ${problems.join('\n  ')}`);
    return new BnbFile(file, config, states);
  }

  /**
   * Whether a model's linear layers, by the names of their weights in the file, can be held as asked: as they are
   * packed, but for those that the configuration skips, or with 'none' as floats. Another packing is refused.
   */
  checkFor(weights: Iterable<string>, asked: Quantization): void {
    const { kind } = this.config;
    if (asked !== 'none' && asked !== kind) {
      throw new TruecastError(
        `${this.path} is packed as ${kind}, and the quantization asked for is ${asked}`,
        `ask for ${kind}, or for none to have it dequantised`,
      );
    }
    const left = [...weights].filter((name) => !this.states.has(name) && !this.config.skips(layerOf(name)));
    if (left.length === 0) return;
    throw new TruecastError(
      `${this.path}: not packed, and not named in llm_int8_skip_modules: ${left.join(', ')}`,
      'use the config.json that belongs to these weights',
    );
  }

  get path(): string {
    return this.file.path;
  }

  floats(name: string): Float32Array {
    const packed = this.packed(name);
    return packed ? nf4Values(packed.matrix, packed.nested) : this.file.floats(name);
  }

  floatsInto(name: string, into: Float32Array, first: number): void {
    if (!this.states.has(name)) {
      readFloats(this.file, name, into, first);
      return;
    }
    if (this.read?.name !== name) this.read = { name, values: this.floats(name) };
    const { values } = this.read;
    into.set(values.subarray(first, first + into.length));
    if (first + into.length >= values.length) this.read = undefined;
  }

  bytes(name: string): Uint8Array {
    return this.file.bytes(name);
  }

  close(): void {
    this.file.close();
  }

  /** Of a packed weight the codes as they are, with scales for blocks of 64; undefined for other tensors. */
  packed(name: string): PackedWeight | undefined {
    const state = this.states.get(name);
    return state && readPacked(this.file, name, state);
  }
}

const layerOf = (weight: string) => weight.replace(/\.weight$/, '');

/** The weights that have a state beside them. */
export function packedNames(file: TensorFile): string[] {
  return [...file.tensors.keys()].flatMap((name) => {
    if (!name.includes(STATE)) return [];
    if (name.endsWith(NF4_STATE)) return [name.slice(0, -NF4_STATE.length)];
    throw new TruecastError(
      `${file.path}: ${name}: only nf4 is supported`,
      'use the unquantised model, or one packed as bitsandbytes nf4',
    );
  });
}

/** The tensors that a packed weight is made of, with their shapes. */
function partsOf(file: TensorFile, name: string, state: QuantState): Map<string, readonly number[]> {
  const size = state.shape[0] * state.shape[1];
  const blocks = Math.ceil(size / state.blocksize);
  const stored = STORAGE.get(file.tensors.get(name)?.dtype ?? 'U8') ?? 1;
  const parts = new Map<string, readonly number[]>([
    [name, [Math.ceil(size / 2 / stored), 1]],
    [name + ABSMAX, [blocks]],
    [name + QUANT_MAP, [NF4_CODES.length]],
    [name + NF4_STATE, file.tensors.get(name + NF4_STATE)!.shape],
  ]);
  if (state.nested_blocksize === undefined) return parts;
  return parts
    .set(name + NESTED_ABSMAX, [Math.ceil(blocks / state.nested_blocksize)])
    .set(name + NESTED_QUANT_MAP, [NESTED_MAP]);
}

/** Scales of blocks of more than 64 weights are repeated for each 64. */
function readPacked(file: TensorFile, name: string, state: QuantState): PackedWeight {
  const damaged = (key: string, what: string) =>
    new TruecastError(`${file.path}: ${name}${key} ${what}`, 'copy the file again');
  const floats = (key: string) => {
    const values = file.floats(name + key);
    if (!values.every(Number.isFinite)) throw damaged(key, 'has values that are not finite');
    return values;
  };
  const codes = (key: string) => {
    const { dtype } = file.tensors.get(name + key)!;
    if (!(key === ABSMAX ? dtype === 'U8' : STORAGE.has(dtype))) throw damaged(key, `is ${dtype}`);
    return file.bytes(name + key);
  };
  if (floats(QUANT_MAP).some((code, i) => code !== NF4_CODES[i]))
    throw damaged(QUANT_MAP, 'is not the NF4 code book');
  const { shape, blocksize, nested_blocksize: nestedBlock, nested_offset: offset } = state;
  const packed = codes('');
  const blocks = Math.ceil((shape[0] * shape[1]) / NF4_BLOCK);
  const times = blocksize / NF4_BLOCK;
  if (nestedBlock === undefined || offset === undefined)
    return { matrix: { shape, packed, absmax: repeat(floats(ABSMAX), new Float32Array(blocks), times) } };
  const outer = new Float32Array(Math.ceil(blocks / nestedBlock));
  return {
    matrix: { shape, packed, absmax: new Float32Array(0) },
    nested: {
      codes: repeat(codes(ABSMAX), new Uint8Array(blocks), times),
      map: floats(NESTED_QUANT_MAP),
      absmax: repeat(floats(NESTED_ABSMAX), outer, times),
      offset: Math.fround(offset),
    },
  };
}

/** Fills `repeated` with each value several times. */
function repeat<T extends Float32Array | Uint8Array>(values: T, repeated: T, times: number): T {
  for (let i = 0; i < repeated.length; i++) repeated[i] = values[Math.floor(i / times)]!;
  return repeated;
}
