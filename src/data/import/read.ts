import type { SourceTable } from '../tables/format.js';
import { type OpenOptions, openTable } from '../tables/open.js';
import {
  type ColumnOptions,
  checkNamedColumns,
  type Mapping,
  planSource,
  type SourcePlan,
  TABLES,
  type TableName,
} from './columns.js';
import { Gatherer } from './gather.js';
import { type LabelNames, LabelReader } from './labels.js';
import { parseRow, RowProblem } from './parse.js';
import { fileHash, type SourceFile } from './sources.js';

export interface ReadOptions extends ColumnOptions, OpenOptions {
  labels?: LabelNames | undefined;
  character?: string | undefined;
  /** Pays no heed to the sources' splits. */
  resplit?: boolean | undefined;
}

/** How a source was read, for the report and the provenance. */
export interface SourceReport {
  path: string;
  sha256: string;
  table: TableName;
  columns: Mapping;
  /** What the source writes for each label. */
  labels?: Record<string, string[]>;
  /** The side of the split that the file's name says. */
  split?: string;
  /** Columns that were left aside. */
  unused: string[];
  rows: number;
  bad: number;
}

/** A row that could not be taken: where it is, why, and what it says as far as it could be read. */
export interface BadRow {
  place: string;
  reason: string;
  row?: Record<string, unknown>;
}

export interface ReadResult {
  gatherer: Gatherer;
  sources: SourceReport[];
  bad: BadRow[];
}

/**
 * Reads all sources, statements first and training before held-out rows, and brings their rows together. Bad rows are collected, never thrown; what
 * is wrong with a file as a whole (its columns, its form) is a TruecastError.
 */
export async function readSources(files: readonly SourceFile[], options: ReadOptions): Promise<ReadResult> {
  const opened: { file: SourceFile; table: SourceTable }[] = [];
  for (const file of files) opened.push({ file, table: await openTable(file.path, options) });
  checkNamedColumns(
    opened.map(({ table }) => table),
    options.columns ?? {},
  );
  const planned = opened
    .map((source) => ({ ...source, plan: planSource(source.table, options) }))
    .sort(
      (a, b) =>
        TABLES.indexOf(a.plan.kind) - TABLES.indexOf(b.plan.kind) ||
        Number(a.file.split === 'held-out') - Number(b.file.split === 'held-out'),
    );

  const gatherer = new Gatherer({ character: options.character });
  const result: ReadResult = { gatherer, sources: [], bad: [] };
  for (const source of planned) result.sources.push(await readSource(source, options, result));
  return result;
}

async function readSource(
  { file, table, plan }: { file: SourceFile; table: SourceTable; plan: SourcePlan },
  options: ReadOptions,
  { gatherer, bad }: ReadResult,
): Promise<SourceReport> {
  const { kind, mapping, unused } = plan;
  const labels =
    kind === 'relevance' || kind === 'nli'
      ? new LabelReader(kind, table, plan, options.labels ?? [])
      : undefined;
  const ignoreSplits = options.resplit ?? false;
  const late = new Set<string>();
  const known = new Set(table.columns);
  const badBefore = bad.length;
  let rows = 0;
  for await (const { place, values, problem } of table.rows) {
    rows++;
    if (values === undefined) {
      bad.push({ place, reason: problem! });
      continue;
    }
    for (const name of Object.keys(values)) if (!known.has(name)) late.add(name);
    try {
      for (const row of parseRow(values, { plan, labels, split: file.split, ignoreSplits }))
        gatherer.add(row, place);
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      bad.push({ place, reason: error.message, row: values });
    }
  }
  return {
    path: file.path,
    sha256: await fileHash(file.path),
    table: kind,
    columns: mapping,
    ...(labels ? { labels: labels.taken } : {}),
    ...(file.split !== undefined && !ignoreSplits ? { split: file.split } : {}),
    unused: [...unused, ...late],
    rows,
    bad: bad.length - badBefore,
  };
}
