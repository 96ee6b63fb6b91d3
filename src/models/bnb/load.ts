import { NF4_BLOCK, NF4_CODES, type Nf4Tensors } from '../../ops/nf4.js';
import { TruecastError } from '../../support/errors.js';
import type { TensorFile } from '../formats/tensorFile.js';
import { packedToDevice } from '../nf4.js';
import type { ExpectedTensors } from '../weights.js';
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

/**
 * A model's linear layers that a file holds packed, name → state. Throws where the file and config.json
 * disagree on which those are.
 */
export function packedLayers(
  file: TensorFile,
  linear: ReadonlyMap<string, readonly number[]>,
  bnb: BnbConfig | undefined,
): Map<string, QuantState> {
  const states = [...file.tensors.keys()].filter((name) => name.includes(STATE));
  const refused = (what: string) =>
    new TruecastError(`${file.path}: ${what}`, 'use the config.json that belongs to these weights');
  if (!bnb) {
    if (states.length === 0) return new Map();
    throw refused(`${states[0]} is packed by bitsandbytes, and config.json has no quantization_config`);
  }
  const foreign = states.find((name) => !name.endsWith(NF4_STATE));
  if (foreign !== undefined) throw refused(`${foreign}: only nf4 is supported`);
  const head = states.find((name) => name.startsWith('lm_head.'));
  if (head !== undefined)
    throw refused(`${head}: the head is packed, apart from the embeddings that it shares`);
  const packed = new Map<string, QuantState>();
  const problems: string[] = [];
  for (const [layer, shape] of linear) {
    const name = `${layer}.weight`;
    if (!file.tensors.has(name + NF4_STATE)) {
      if (file.tensors.has(name) && !bnb.skips(layer))
        problems.push(`${name} is not packed, and llm_int8_skip_modules does not name it`);
      continue;
    }
    if (bnb.skips(layer)) problems.push(`${name} is packed, and llm_int8_skip_modules names it`);
    const state = readState(file, name, shape);
    if ((state.nested_offset !== undefined) !== (bnb.kind === 'nf4-double'))
      problems.push(`${name} is not packed as ${bnb.kind}, as quantization_config says`);
    packed.set(layer, state);
  }
  if (problems.length > 0) throw refused(`it does not fit quantization_config:\n  ${problems.join('\n  ')}`);
  return packed;
}

/** What the file holds for the tensors `expected` of a model whose `packed` layers are packed. */
export function packedTensors(
  file: TensorFile,
  expected: ExpectedTensors,
  packed: ReadonlyMap<string, QuantState>,
): Map<string, readonly number[]> {
  const tensors = new Map<string, readonly number[]>();
  for (const [name, shape] of expected) {
    const state = packed.get(name.replace(/\.weight$/, ''));
    if (!state) {
      tensors.set(name, shape);
      continue;
    }
    const size = state.shape[0] * state.shape[1];
    const blocks = Math.ceil(size / state.blocksize);
    const stored = STORAGE.get(file.tensors.get(name)?.dtype ?? 'U8') ?? 1;
    tensors.set(name, [Math.ceil(size / 2 / stored), 1]);
    tensors.set(name + ABSMAX, [blocks]);
    tensors.set(name + QUANT_MAP, [NF4_CODES.length]);
    tensors.set(name + NF4_STATE, file.tensors.get(name + NF4_STATE)!.shape);
    if (state.nested_blocksize === undefined) continue;
    tensors.set(name + NESTED_ABSMAX, [Math.ceil(blocks / state.nested_blocksize)]);
    tensors.set(name + NESTED_QUANT_MAP, [NESTED_MAP]);
  }
  return tensors;
}

/**
 * Moves the packed weight `name`, whose tensors' shapes have been checked, to the device: its codes as they
 * are. Scales of blocks of more than 64 weights are repeated for each 64.
 */
export function readNf4(file: TensorFile, name: string, state: QuantState): Nf4Tensors {
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
    return packedToDevice(packed, repeat(floats(ABSMAX), new Float32Array(blocks), times));
  const outer = new Float32Array(Math.ceil(blocks / nestedBlock));
  return packedToDevice(packed, {
    codes: repeat(codes(ABSMAX), new Uint8Array(blocks), times),
    map: floats(NESTED_QUANT_MAP),
    absmax: repeat(floats(NESTED_ABSMAX), outer, times),
    offset: Math.fround(offset),
  });
}

/** Fills `repeated` with each value several times. */
function repeat<T extends Float32Array | Uint8Array>(values: T, repeated: T, times: number): T {
  for (let i = 0; i < repeated.length; i++) repeated[i] = values[Math.floor(i / times)]!;
  return repeated;
}
