import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, TruecastError } from '../support/errors.js';
import { readJson } from '../support/files.js';
import { findLeaks } from './leaks.js';
import {
  dialoguesTable,
  NLI_LABELS,
  nliTable,
  queriesTable,
  RELEVANCE_LABELS,
  relevanceTable,
  type SplitName,
  statementsTable,
} from './rows.js';
import type { TableSchema } from './schema.js';
import { readSplitFile } from './splitFile.js';
import { readTable } from './table.js';
import { normalise } from './text.js';

/** What is wrong with a data set's folder, and what may be. */
export interface DataSetCheck {
  folder: string;
  /** What makes it unusable, or its results wrong. */
  problems: string[];
  /** What its author should know: near-duplicates, labels that no row has. */
  warnings: string[];
}

type LabelledRow = {
  character: string;
  statementId: string;
  queryId: string;
  statement: string;
  query: string;
  response?: string;
  label: number;
  split: SplitName;
};

/**
 * Checks all of a data set's folder and reports everything at once: schemas and versions, ids and references, texts
 * that disagree between tables, labels that contradict each other, and the split.
 *
 * @param nearDuplicate texts at least this alike, on both sides of the split, are warned of
 */
export function checkDataSet(folder: string, nearDuplicate: number): DataSetCheck {
  const check: DataSetCheck = { folder, problems: [], warnings: [] };
  const { problems, warnings } = check;
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TruecastError)) throw error;
      problems.push(messageOf(error));
      return undefined;
    }
  };
  const splitPath = join(folder, 'split.json');
  const split = attempt(() => readSplitFile(splitPath));
  const lacks = split?.lacks ?? [];
  const table = <Row extends object>(name: string, schema: TableSchema<Row>): Row[] | undefined => {
    const path = join(folder, `${name}.arrow`);
    if (!(lacks as readonly string[]).includes(name)) return attempt(() => readTable(path, schema));
    if (existsSync(path)) problems.push(`${path} is there, but split.json says that it lacks`);
    return undefined;
  };
  const statements = table('statements', statementsTable);
  const queries = table('queries', queriesTable);
  const relevance = table('relevance', relevanceTable);
  const nli = table('nli', nliTable);
  const dialogues = table('dialogues', dialoguesTable);

  const id = split?.character.id;
  const ofOther = (name: string, rows: readonly { character: string }[] | undefined): void => {
    const others = new Set(rows?.map(({ character }) => character).filter((other) => other !== id));
    if (id !== undefined && others.size > 0)
      problems.push(`${name}: rows of ${[...others].slice(0, 5).join(', ')}, but split.json is about ${id}`);
  };
  for (const [name, rows] of Object.entries({ statements, queries, relevance, nli, dialogues }))
    ofOther(name, rows);

  if (statements?.length === 0) problems.push('statements: there are none');
  const statementTexts = uniqueTexts(
    'statement',
    statements?.map(({ statementId, text }) => [statementId, text]),
  );
  const queryTexts = uniqueTexts(
    'query',
    queries?.map(({ queryId, text }) => [queryId, text]),
  );
  const sides = new Map(queries?.map((row) => [row.queryId, row.split]));
  for (const { queryId, active, borderline } of queries ?? []) {
    for (const statement of [...active, ...borderline]) {
      if (statements && !statementTexts.has(statement))
        problems.push(`query ${queryId}: names ${statement}, which is no statement`);
    }
  }
  checkLabelled('relevance', relevance, RELEVANCE_LABELS);
  checkLabelled('nli', nli, NLI_LABELS);
  dialogues?.forEach((row, i) => {
    checkQuery(`dialogues: row ${i}`, row);
    if (row.response.trim() === '') problems.push(`dialogues: row ${i}: the response is empty`);
  });
  checkRecord();
  if (queries !== undefined) {
    const leaks = findLeaks(
      { queries, ...(nli ? { nli } : {}), ...(dialogues ? { dialogues } : {}) },
      nearDuplicate,
    );
    problems.push(...leaks.problems);
    warnings.push(...leaks.warnings);
  }
  return check;

  function uniqueTexts(
    what: string,
    entries: readonly (readonly [id: string, text: string])[] = [],
  ): Map<string, string> {
    const found = new Map<string, string>();
    const byText = new Map<string, string>();
    for (const [entry, text] of entries) {
      if (found.has(entry)) problems.push(`${what} ${entry} is there twice`);
      found.set(entry, text);
      const plain = normalise(text);
      const before = byText.get(plain);
      if (text.trim() === '') problems.push(`${what} ${entry} is empty`);
      else if (before !== undefined) warnings.push(`${what} ${entry} repeats ${before}`);
      else byText.set(plain, entry);
    }
    return found;
  }

  function checkQuery(place: string, row: { queryId: string; query: string; split: SplitName }): void {
    if (queries === undefined) return;
    const text = queryTexts.get(row.queryId);
    if (text === undefined) problems.push(`${place}: there is no query ${row.queryId}`);
    else if (text !== row.query) problems.push(`${place}: query ${row.queryId} has another text in queries`);
    const side = sides.get(row.queryId);
    if (side !== undefined && side !== row.split)
      problems.push(`${place}: is ${row.split}, but query ${row.queryId} is ${side}`);
  }

  function checkLabelled(
    name: string,
    rows: readonly LabelledRow[] | undefined,
    labels: readonly string[],
  ): void {
    const seen = new Map<string, { label: number; i: number }>();
    rows?.forEach((row, i) => {
      const place = `${name}: row ${i}`;
      checkQuery(place, row);
      if (statements) {
        const text = statementTexts.get(row.statementId);
        if (text === undefined) problems.push(`${place}: there is no statement ${row.statementId}`);
        else if (text !== row.statement)
          problems.push(`${place}: statement ${row.statementId} has another text in statements`);
      }
      if (row.response?.trim() === '') problems.push(`${place}: the response is empty`);
      const key = JSON.stringify([row.statement, row.query, row.response]);
      const before = seen.get(key);
      if (before === undefined) seen.set(key, { label: row.label, i });
      else if (before.label === row.label) warnings.push(`${place} repeats row ${before.i}`);
      else problems.push(`${place}: ${labels[row.label]}, but row ${before.i} says ${labels[before.label]}`);
    });
    labels.forEach((label, value) => {
      const isThere = rows?.some((row) => row.label === value) ?? true;
      if (!isThere) warnings.push(`${name}: no row is ${label}`);
    });
  }

  /** The lists of split.json, which people read, against the tables, which programs read. */
  function checkRecord(): void {
    if (split === undefined || queries === undefined) return;
    const record = readJson(splitPath, 'split file') as { train?: unknown; heldOut?: unknown };
    for (const [key, side] of [
      ['train', 'train'],
      ['heldOut', 'held-out'],
    ] as const) {
      const listed = new Set(Array.isArray(record[key]) ? (record[key] as unknown[]) : []);
      const there = queries.filter((row) => row.split === side);
      const lost = there.filter(({ queryId }) => !listed.has(queryId)).map(({ queryId }) => queryId);
      if (lost.length > 0 || listed.size !== there.length) {
        const example = lost.length > 0 ? `, ${lost[0]} is not listed` : '';
        problems.push(
          `split.json lists ${listed.size} queries under ${key}, but ${there.length} are ${side}${example}`,
        );
      }
    }
    if (there('train') === 0) warnings.push('no query is in training');
    if (there('held-out') === 0) warnings.push('no query is held out: nothing can be measured');
  }

  function there(side: SplitName): number {
    return queries?.filter((row) => row.split === side).length ?? 0;
  }
}
