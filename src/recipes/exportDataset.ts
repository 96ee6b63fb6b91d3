import { extname, join } from 'node:path';
import { readDataSet, writeFolders } from '../data/dataSet.js';
import { type ExportSchema, exportFiles, exportPairs } from '../data/export.js';
import { pairsTable, readRows } from '../data/index.js';
import type { TableFormat } from '../data/tables/format.js';
import { TruecastError } from '../support/errors.js';

export interface ExportDatasetOptions {
  /** A data set (its folder or id), or the pairs of a DPO run (.arrow, .jsonl). */
  source: string;
  /** A new folder. */
  out: string;
  schema: ExportSchema;
  format: TableFormat;
  /** A system message before every chat. */
  system?: string | undefined;
}

/** Writes a data set in a form that others read; into a new folder, whole or not at all. */
export function exportDataset(options: ExportDatasetOptions): { path: string; rows: number }[] {
  const { source, out, schema, format, system } = options;
  const isPairs = ['.arrow', '.jsonl'].includes(extname(source));
  if (isPairs && schema !== 'preferences')
    throw new TruecastError(`${source} holds pairs: they go out as preferences`, 'give --schema preferences');
  const files = isPairs
    ? exportPairs(readRows(source, pairsTable), format, { system })
    : exportFiles(readDataSet(source), schema, format, { system });
  writeFolders(new Map([[out, new Map(files.map(({ path, bytes }) => [path, bytes]))]]));
  return files.map(({ path, rows }) => ({ path: join(out, path), rows }));
}
