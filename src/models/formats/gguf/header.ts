import { TruecastError } from '../../../support/errors.js';
import type { Cursor } from './cursor.js';
import type { GgufTensor } from './file.js';
import { GGML_TYPES, type GgmlType } from './types.js';
import { type GgufValue, readValue } from './values.js';

const MAGIC = 'GGUF';
const VERSION = 3;
const ALIGNMENT = 32;
/** ggml's GGML_MAX_DIMS. */
const MOST_DIMENSIONS = 4;
/** Key length, type and a value of one byte; name length, dimensions, type and offset. */
const SMALLEST_ENTRY = 13;
const SMALLEST_TENSOR = 24;

interface Header {
  metadata: Map<string, GgufValue>;
  tensors: Map<string, GgufTensor>;
}

/** Reads and checks all that precedes the tensors' bytes. @throws TruecastError */
export function readHeader(cursor: Cursor): Header {
  readPreamble(cursor);
  const tensorCount = cursor.length('the number of tensors');
  const entryCount = cursor.length('the number of metadata entries');
  cursor.expectRoom(entryCount, SMALLEST_ENTRY, 'the metadata');
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < entryCount; i++) {
    const key = cursor.string(`key ${i}`);
    if (metadata.has(key)) throw cursor.damaged(`key ${key} comes twice`);
    metadata.set(key, readValue(cursor, cursor.u32(`the type of ${key}`), key));
  }
  refuseParts(cursor, metadata);
  cursor.expectRoom(tensorCount, SMALLEST_TENSOR, 'the list of tensors');
  const claims = new Map<string, Claim>();
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.string(`the name of tensor ${i}`);
    if (claims.has(name)) throw cursor.damaged(`tensor ${name} comes twice`);
    claims.set(name, readClaim(cursor, name));
  }
  return { metadata, tensors: place(cursor, claims, alignmentOf(cursor, metadata)) };
}

function readPreamble(cursor: Cursor): void {
  const { path, size } = cursor;
  if (size < 24 || cursor.take(4, 'the magic number').toString('latin1') !== MAGIC) {
    throw new TruecastError(`${path} is no GGUF file`, 'name a file that llama.cpp can load');
  }
  const version = cursor.u32('the version');
  if (version === VERSION) return;
  if ((version & 0xffff) === 0) {
    throw new TruecastError(`${path} is a big-endian GGUF file`, 'use the little-endian one');
  }
  throw new TruecastError(
    `${path} is GGUF version ${version}, only version ${VERSION} can be read`,
    'convert the model again with a current llama.cpp',
  );
}

function refuseParts({ path }: Cursor, metadata: ReadonlyMap<string, GgufValue>): void {
  const count = metadata.get('split.count');
  if (count === undefined || count === 0 || count === 1) return;
  throw new TruecastError(
    `${path} is one of ${String(count)} parts of a model`,
    'join them with llama.cpp: llama-gguf-split --merge FIRST-PART OUT.gguf',
  );
}

function alignmentOf(cursor: Cursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? ALIGNMENT;
  // llama.cpp wants a power of two as well; more than a page is damage
  if (typeof alignment !== 'number' || !(alignment >= 1 && alignment <= 2 ** 16))
    throw cursor.damaged(`general.alignment is ${String(alignment)}`);
  if (!Number.isInteger(Math.log2(alignment)))
    throw cursor.damaged(`general.alignment, ${alignment}, is no power of two`);
  return alignment;
}

/** What a tensor's entry says, its place counted from the start of the tensors' bytes. */
interface Claim {
  shape: number[];
  type: GgmlType;
  offset: number;
  bytes: number;
}

function readClaim(cursor: Cursor, name: string): Claim {
  const what = `tensor ${name}`;
  const dimensions = cursor.u32(`the number of dimensions of ${what}`);
  if (dimensions > MOST_DIMENSIONS) throw cursor.damaged(`${what} has ${dimensions} dimensions`);
  const sizes = Array.from({ length: dimensions }, () => cursor.length(`a dimension of ${what}`));
  const number = cursor.u32(`the type of ${what}`);
  const type = GGML_TYPES.get(number);
  if (!type) throw cursor.damaged(`${what} has the unknown type ${number}`);
  const offset = cursor.length(`the offset of ${what}`);
  const values = sizes.reduce((product, n) => product * n, 1);
  if ((sizes[0] ?? 1) % type.block !== 0) {
    throw cursor.damaged(`${what}: rows of ${sizes[0] ?? 1} are no whole blocks of ${type.name}`);
  }
  return { shape: sizes.reverse(), type, offset, bytes: (values / type.block) * type.bytes };
}

/** The tensors' byte ranges, which must lie within the file, aligned and apart. */
function place(
  cursor: Cursor,
  claims: ReadonlyMap<string, Claim>,
  alignment: number,
): Map<string, GgufTensor> {
  const base = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const [name, { shape, type, offset, bytes }] of claims) {
    const begin = base + offset;
    const end = begin + bytes;
    if (offset % alignment !== 0)
      throw cursor.damaged(`tensor ${name} begins at byte ${offset}, which is not aligned to ${alignment}`);
    if (end > cursor.size)
      throw cursor.damaged(`tensor ${name} ends at byte ${end}, the file at ${cursor.size}`);
    tensors.set(name, { dtype: type.name, shape, type, begin, end });
  }
  let last: [name: string, tensor: GgufTensor] | undefined;
  for (const entry of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (last && entry[1].begin < last[1].end)
      throw cursor.damaged(`tensors ${last[0]} and ${entry[0]} overlap`);
    last = entry;
  }
  return tensors;
}
