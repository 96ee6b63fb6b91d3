import { NLI_LABELS, type SplitName } from '../rows.js';
import type { SourcePlan, TableName } from './columns.js';
import type { LabelReader } from './labels.js';

/** A row of a source with its columns understood; what a source doesn't have is undefined. */
export interface ParsedRow {
  kind: TableName;
  character?: string | undefined;
  name?: string | undefined;
  language?: string | undefined;
  statement?: string | undefined;
  query?: string | undefined;
  response?: string | undefined;
  label?: number | undefined;
  split?: SplitName | undefined;
  statementId?: string | undefined;
  queryId?: string | undefined;
  origin?: string | undefined;
  active?: string[] | undefined;
  borderline?: string[] | undefined;
}

const SPLIT_NAMES: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  test: 'held-out',
  testing: 'held-out',
  'held-out': 'held-out',
  heldout: 'held-out',
  validation: 'held-out',
  valid: 'held-out',
  val: 'held-out',
  dev: 'held-out',
  eval: 'held-out',
};

/** The side of the split that a name stands for, where it is a usual one. */
export function splitNamed(name: string): SplitName | undefined {
  return Object.hasOwn(SPLIT_NAMES, name.toLowerCase()) ? SPLIT_NAMES[name.toLowerCase()] : undefined;
}

export interface ParseOptions {
  plan: SourcePlan;
  labels: LabelReader | undefined;
  /** Where the file as a whole is of one side. */
  split: SplitName | undefined;
  /** Reads no splits at all. */
  ignoreSplits: boolean;
}

/**
 * What a source's row says: one row, or several where it holds lists. Throws a RowProblem that says what is wrong.
 */
export function parseRow(values: Readonly<Record<string, unknown>>, options: ParseOptions): ParsedRow[] {
  const { kind, mapping } = options.plan;
  const value = (role: keyof typeof mapping): unknown => {
    const column = mapping[role];
    return column === undefined ? undefined : values[column];
  };
  const optional = (role: 'character' | 'name' | 'language' | 'statementId' | 'queryId' | 'origin') => {
    const found = value(role);
    return found === undefined || found === null ? undefined : text(found, role);
  };
  const common: ParsedRow = {
    kind,
    character: optional('character'),
    name: optional('name'),
    language: optional('language'),
    statementId: optional('statementId'),
    queryId: optional('queryId'),
    origin: optional('origin'),
    split: options.ignoreSplits ? undefined : splitOf(value('split'), options.split),
  };
  const needed = (role: 'statement' | 'query' | 'response') => text(value(role), role);
  switch (kind) {
    case 'statements':
      return [{ ...common, statement: needed('statement') }];
    case 'queries': {
      if (mapping.queries === undefined) {
        const lists = {
          active: texts(value('active'), 'active'),
          borderline: texts(value('borderline'), 'borderline'),
        };
        return [{ ...common, query: needed('query'), ...lists }];
      }
      const statement = needed('statement');
      const queries = texts(value('queries'), 'queries');
      if (queries === undefined) throw new RowProblem('queries is missing');
      return queries.map((query) => ({ ...common, statement, query: text(query, 'query') }));
    }
    case 'relevance':
      return [
        {
          ...common,
          statement: needed('statement'),
          query: needed('query'),
          label: label(value('label'), options),
        },
      ];
    case 'nli': {
      const pair = { ...common, statement: needed('statement'), query: needed('query') };
      if (mapping.nli === undefined)
        return [{ ...pair, response: needed('response'), label: label(value('label'), options) }];
      const responses = object(value('nli'), 'nli');
      return Object.entries(responses)
        .filter(([, response]) => response !== null)
        .map(([name, response]) => ({
          ...pair,
          response: text(response, `nli.${name}`),
          label: label(name, options),
        }));
    }
    case 'dialogues':
      return [{ ...common, query: needed('query'), response: needed('response') }];
  }
}

/** What is wrong with a row; it never leaves this folder. */
export class RowProblem extends Error {}

function text(value: unknown, what: string): string {
  if (value === undefined || value === null) throw new RowProblem(`${what} is missing`);
  if (value instanceof Uint8Array) throw new RowProblem(`${what} is not UTF-8`);
  if (typeof value !== 'string') throw new RowProblem(`${what}: expected text, got ${shorten(value)}`);
  if (value.trim() === '') throw new RowProblem(`${what} is empty`);
  if (/\p{Surrogate}/u.test(value)) throw new RowProblem(`${what} holds half of a surrogate pair`);
  return value;
}

/** A list of texts; in formats without lists, the JSON of one. */
function texts(value: unknown, what: string): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const list = typeof value === 'string' ? json(value, what) : value;
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
    throw new RowProblem(`${what}: expected a list of texts, got ${shorten(value)}`);
  return list;
}

function object(value: unknown, what: string): Record<string, unknown> {
  const found = typeof value === 'string' ? json(value, what) : value;
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw new RowProblem(`${what}: expected an object of ${NLI_LABELS.join(', ')}, got ${shorten(value)}`);
  return found as Record<string, unknown>;
}

function json(value: string, what: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new RowProblem(`${what}: not JSON: ${shorten(value)}`);
  }
}

function label(value: unknown, { labels }: ParseOptions): number {
  const found = labels!.read(value);
  if (typeof found === 'string') throw new RowProblem(found);
  return found;
}

function splitOf(value: unknown, ofFile: SplitName | undefined): SplitName | undefined {
  if (value === undefined || value === null) return ofFile;
  const found = typeof value === 'string' ? splitNamed(value.trim()) : undefined;
  if (found === undefined)
    throw new RowProblem(`split ${shorten(value)} is neither of train nor of test (--resplit splits anew)`);
  return found;
}

function shorten(value: unknown): string {
  const shown = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value));
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}
