import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  snappyUncompress,
} from 'hyparquet';
import { messageOf, TruecastError } from '../../support/errors.js';
import type { SourceRow } from './format.js';

/** Sizes and counts in a file are claims: nothing is allocated for one beyond these. */
const LARGEST_PAGE = 2 ** 29;
const LARGEST_GROUP = 2 ** 31;
const MOST_ROWS = 20_000_000;

const remedy = 'fetch it again, or write it again; Parquet with Snappy, gzip, zstd or Brotli is read';

/** The columns and rows of a Parquet file, read row group by row group. */
export async function openParquet(path: string): Promise<{
  columns: string[];
  labelNames: Map<string, readonly string[]>;
  rows: AsyncIterable<SourceRow>;
}> {
  const file = fileBuffer(path);
  const metadata = await readMetadata(path, file);
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  return { columns, labelNames: labelNames(metadata), rows: rowsOf(path, file, metadata) };
}

async function readMetadata(path: string, file: AsyncBuffer): Promise<FileMetaData> {
  const isParquet =
    file.byteLength >= 12 && Buffer.from(await file.slice(0, 4)).toString('latin1') === 'PAR1';
  if (!isParquet) throw new TruecastError(`not a Parquet file: ${path}`, remedy);
  const metadata = await attempt(path, () => parquetMetadataAsync(file));
  const total = metadata.row_groups.reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
  const sound =
    total === Number(metadata.num_rows) &&
    metadata.row_groups.every(({ num_rows }) => num_rows >= 0n) &&
    total <= MOST_ROWS;
  if (!sound) throw new TruecastError(`${path}: ${metadata.num_rows} rows, in groups of ${total}`, remedy);
  for (const { columns } of metadata.row_groups) {
    const size = columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size), 0);
    if (!(size <= LARGEST_GROUP))
      throw new TruecastError(`${path}: a row group of ${size} bytes`, 'write it with smaller row groups');
  }
  return metadata;
}

async function* rowsOf(path: string, file: AsyncBuffer, metadata: FileMetaData): AsyncGenerator<SourceRow> {
  let begin = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = begin + Number(num_rows);
    const rowStart = begin;
    const rows =
      rowEnd === rowStart
        ? []
        : await attempt(path, () =>
            parquetReadObjects({ file, metadata, compressors, parsers, rowStart, rowEnd }),
          );
    if (rows.length !== rowEnd - rowStart)
      throw new TruecastError(`${path} is damaged: ${rows.length} of ${rowEnd - rowStart} rows`, remedy);
    for (const [i, row] of rows.entries()) {
      const values = Object.entries(row).map(([name, value]) => [name, plain(value)] as const);
      yield {
        place: `${path}: row ${begin + i + 1}`,
        values: Object.fromEntries(values.filter(([, value]) => value !== null && value !== undefined)),
      };
    }
    begin = rowEnd;
  }
}

/** Integers of 64 bits as numbers, where a number can hold them. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Names of the classes of `ClassLabel` columns, which `datasets` writes beside the schema. */
function labelNames({ key_value_metadata }: FileMetaData): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const text = key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return found;
  try {
    const features = Object.entries(JSON.parse(text).info.features as Record<string, { names?: unknown }>);
    for (const [column, { names }] of features) {
      if (Array.isArray(names) && names.every((name) => typeof name === 'string')) found.set(column, names);
    }
  } catch {
    // Notes of another program in another form: then the labels are named by --labels.
  }
  return found;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes that are no UTF-8 stay bytes, which no text column takes: hyparquet would put U+FFFD in their place. */
const parsers = {
  stringFromBytes(bytes: Uint8Array | undefined): unknown {
    try {
      return bytes && decoder.decode(bytes);
    } catch {
      return bytes;
    }
  },
} as Parameters<typeof parquetReadObjects>[0]['parsers'];

const compressors: Compressors = {
  SNAPPY: bounded((input, size) => {
    const output = new Uint8Array(size);
    snappyUncompress(input, output);
    return output;
  }),
  GZIP: bounded((input, size) => gunzipSync(input, { maxOutputLength: size })),
  BROTLI: bounded((input, size) => brotliDecompressSync(input, { maxOutputLength: size })),
  ZSTD: bounded(unzstd),
};

/** Zstandard, given up as soon as it gives more than it should. */
function unzstd(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  let length = 0;
  const stream = new Decompress((piece) => {
    if (length + piece.length > size) throw new Error(`a page of more than ${size} bytes`);
    output.set(piece, length);
    length += piece.length;
  });
  stream.push(input, true);
  return output.subarray(0, length);
}

function bounded(
  decompress: (input: Uint8Array, size: number) => Uint8Array,
): (input: Uint8Array, size: number) => Uint8Array {
  return (input, size) => {
    if (!(size >= 0 && size <= LARGEST_PAGE)) throw new Error(`a page of ${size} bytes`);
    if (size === 0) return new Uint8Array();
    const output = decompress(input, size);
    if (output.length !== size) throw new Error(`a page of ${output.length} bytes instead of ${size}`);
    return output;
  };
}

/** Reads of a file as hyparquet asks for them; each opens the file, so that nothing is left open. */
function fileBuffer(path: string): AsyncBuffer {
  const byteLength = statSync(path).size;
  return {
    byteLength,
    slice(start, end = byteLength) {
      const [from, to] = [start, end].map((at) =>
        Math.min(byteLength, Math.max(0, at < 0 ? byteLength + at : at)),
      ) as [number, number];
      const bytes = new Uint8Array(Math.max(0, to - from));
      const fd = openSync(path, 'r');
      try {
        let read = 0;
        while (read < bytes.length) {
          const count = readSync(fd, bytes, read, bytes.length - read, from + read);
          if (count === 0) throw new Error('it ends too early');
          read += count;
        }
      } finally {
        closeSync(fd);
      }
      return bytes.buffer;
    },
  };
}

async function attempt<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new TruecastError(
      `Parquet file is damaged, cut short or not supported: ${path}: ${messageOf(error)}`,
      remedy,
      {
        cause: error,
      },
    );
  }
}
