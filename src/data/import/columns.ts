import { TruecastError } from '../../support/errors.js';
import type { SourceTable } from '../tables/format.js';

/** The tables of a data set, in the order they are read in: rows refer to statements and queries. */
export const TABLES = ['statements', 'queries', 'relevance', 'nli', 'dialogues'] as const;
export type TableName = (typeof TABLES)[number];

/**
 * What a column can mean, with the names it is recognised by (without case, spaces and punctuation). `queries` is a
 * list of queries written for one statement, `nli` an object of one response per label: two of the files that the
 * published project makes on its way.
 */
const ALIASES = {
  character: ['character', 'charactername', 'role'],
  name: ['name'],
  language: ['language', 'lang'],
  statement: ['statement', 'personastatement', 'persona', 'fact'],
  query: ['query', 'utterance', 'userutterance', 'userquery', 'question'],
  response: ['response', 'reply', 'answer'],
  label: ['label', 'relevant', 'relevance', 'nlilabel'],
  split: ['split'],
  statementId: ['statementid'],
  queryId: ['queryid'],
  origin: ['origin'],
  active: ['active'],
  borderline: ['borderline'],
  queries: ['queries'],
  nli: ['nli'],
} as const satisfies Record<string, readonly string[]>;
export type Role = keyof typeof ALIASES;
export const ROLES = Object.keys(ALIASES) as Role[];

export type Mapping = Partial<Record<Role, string>>;

/** How a source is read: which table it is, and which column has which role. */
export interface SourcePlan {
  kind: TableName;
  mapping: Mapping;
  unused: string[];
}

export interface ColumnOptions {
  /** Columns by role; an empty name says that no column has the role. */
  columns?: Mapping | undefined;
  /** What the source is, where its columns don't say. */
  table?: TableName | undefined;
}

/** Decides how a table is read. Throws a TruecastError where that would be a guess. */
export function planSource(table: SourceTable, options: ColumnOptions): SourcePlan {
  const mapping = mapColumns(table, options.columns ?? {});
  const kind = options.table ?? kindOf(table, mapping);
  const missing = required(kind, mapping).filter((role) => mapping[role] === undefined);
  if (missing.length > 0) {
    throw new TruecastError(
      `${table.path} has no column for ${missing.join(', ')}, which ${kind} need; it has ${quoted(table.columns)}`,
      `name the columns: --columns ${missing.map((role) => `${role}=COLUMN`).join(',')}`,
    );
  }
  const used = new Set(Object.values(mapping));
  return { kind, mapping, unused: table.columns.filter((name) => !used.has(name)) };
}

/** Throws a TruecastError for columns that the options name and no source has. */
export function checkNamedColumns(tables: readonly SourceTable[], columns: Mapping): void {
  const known = new Set(tables.flatMap((table) => table.columns));
  const lost = Object.values(columns).filter((name) => name !== '' && !known.has(name));
  if (lost.length === 0) return;
  throw new TruecastError(
    `no column named ${quoted(lost)}; there are ${quoted([...known])}`,
    'mend --columns: ROLE=COLUMN,…, a column as the file writes it',
  );
}

function mapColumns({ path, columns }: SourceTable, named: Mapping): Mapping {
  const mapping: Mapping = {};
  for (const role of ROLES) {
    const name = named[role];
    if (name !== undefined && columns.includes(name)) mapping[role] = name;
  }
  const taken = new Set(Object.values(mapping));
  const free = columns.filter((name) => !taken.has(name));
  for (const role of ROLES) {
    if (named[role] !== undefined) continue;
    const found = free.filter((name) => (ALIASES[role] as readonly string[]).includes(bare(name)));
    if (found.length > 1) {
      throw new TruecastError(
        `${path}: ${quoted(found)} could each be the ${role}`,
        `say which: --columns ${role}=COLUMN`,
      );
    }
    if (found.length === 1) mapping[role] = found[0]!;
  }
  return withText(mapping, free, named);
}

/** The tables of our own schema call a statement, and a query, `text`. */
function withText(mapping: Mapping, free: readonly string[], named: Mapping): Mapping {
  const { statement, query, statementId, queryId } = mapping;
  if (!free.includes('text') || statement !== undefined || query !== undefined) return mapping;
  if (statementId !== undefined && named.statement === undefined) return { ...mapping, statement: 'text' };
  if (queryId !== undefined && named.query === undefined) return { ...mapping, query: 'text' };
  return mapping;
}

function kindOf(table: SourceTable, { statement, query, response, label, queries, nli }: Mapping): TableName {
  if (response !== undefined && label !== undefined) return 'nli';
  if (nli !== undefined && statement !== undefined && query !== undefined) return 'nli';
  if (label !== undefined) return 'relevance';
  if (response !== undefined) return 'dialogues';
  if (queries !== undefined || (query !== undefined && statement === undefined)) return 'queries';
  if (statement !== undefined && query === undefined) return 'statements';
  throw new TruecastError(
    `${table.path}: its columns don't say what it is: ${quoted(table.columns)}`,
    'say it with --table, and name the columns with --columns ROLE=COLUMN,…',
  );
}

function required(kind: TableName, mapping: Mapping): Role[] {
  switch (kind) {
    case 'statements':
      return ['statement'];
    case 'queries':
      return mapping.queries === undefined ? ['query'] : ['statement', 'queries'];
    case 'relevance':
      return ['statement', 'query', 'label'];
    case 'nli':
      return mapping.nli === undefined
        ? ['statement', 'query', 'response', 'label']
        : ['statement', 'query', 'nli'];
    case 'dialogues':
      return ['query', 'response'];
  }
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function quoted(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ') || 'none';
}
