import { TruecastError } from '../support/errors.js';
import type { DataSet } from './dataSet.js';
import {
  NLI_LABELS,
  type NliRow,
  type QueryRow,
  RELEVANCE_LABELS,
  type RelevanceRow,
  SPLITS,
  type SplitName,
} from './rows.js';
import type { Split } from './split.js';

/** drop: neither row stays; first: the first one does. */
export const CONFLICT_RULES = ['drop', 'first', 'fail'] as const;
export type ConflictRule = (typeof CONFLICT_RULES)[number];

/** Something that two data sets say differently. */
export interface Conflict {
  what: 'relevance' | 'nli' | 'split';
  statement?: string;
  query: string;
  response?: string;
  /** What each says, and which data set it is. */
  first: string;
  firstFrom: string;
  second: string;
  secondFrom: string;
}

export interface Part {
  from: string;
  dataSet: DataSet;
}

export interface Merged {
  dataSet: DataSet;
  split: Split;
  conflicts: Conflict[];
  /** Rows that several data sets have. */
  duplicates: number;
  /** Ids that meant something else in an earlier data set, and what they became. */
  renamed: { from: string; id: string; became: string }[];
}

/**
 * Joins data sets of one character. Statements and queries are the same where their texts are; an id that an
 * earlier data set has for another text gets a number. A query is on the side where it first comes up, with all
 * its rows. Rows that differ in nothing but the label are conflicts.
 */
export function mergeDataSets(parts: readonly Part[], rule: ConflictRule): Merged {
  const { character } = parts[0]!.dataSet;
  for (const { from, dataSet } of parts) {
    const { id, name, language } = dataSet.character;
    if (id === character.id && name === character.name && language === character.language) continue;
    throw new TruecastError(
      `${from} is about ${name} (${id}, ${language}), ${parts[0]!.from} about ${character.name} (${character.id}, ${character.language})`,
      'merge data sets of one character; import with --id gives another id',
    );
  }
  const statements = new Ids();
  const queries = new Ids();
  const merged: Merged = {
    dataSet: { character, statements: [], queries: [] },
    split: { train: [], heldOut: [], dropped: [], targetsWithoutTraining: [] },
    conflicts: [],
    duplicates: 0,
    renamed: [],
  };
  const byQuery = new Map<string, QueryRow & { from: string }>();
  const relevance = new Rows<RelevanceRow>('relevance', RELEVANCE_LABELS, merged);
  const nli = new Rows<NliRow>('nli', NLI_LABELS, merged);
  const dialogues = new Map<string, NonNullable<DataSet['dialogues']>[number]>();

  for (const { from, dataSet } of parts) {
    const rename = (ids: Ids, id: string, text: string): string => {
      const became = ids.of(id, text);
      if (became !== id && ids.isNew) merged.renamed.push({ from, id, became });
      return became;
    };
    const statementIds = new Map<string, string>();
    for (const row of dataSet.statements) {
      const statementId = rename(statements, row.statementId, row.text);
      statementIds.set(row.statementId, statementId);
      if (statements.isNew) merged.dataSet.statements.push({ ...row, statementId });
    }
    const translated = (ids: readonly string[]) => ids.map((id) => statementIds.get(id) ?? id);
    const queryIds = new Map<string, string>();
    for (const row of dataSet.queries) {
      const queryId = rename(queries, row.queryId, row.text);
      queryIds.set(row.queryId, queryId);
      const [active, borderline] = [translated(row.active), translated(row.borderline)];
      const before = byQuery.get(queryId);
      if (before === undefined) {
        byQuery.set(queryId, { ...row, queryId, active, borderline, from });
        continue;
      }
      before.active = [...new Set([...before.active, ...active])];
      before.borderline = [...new Set([...before.borderline, ...borderline])];
      if (before.split !== row.split) {
        const [first, second] = [before.split, row.split];
        merged.conflicts.push({
          what: 'split',
          query: row.text,
          first,
          firstFrom: before.from,
          second,
          secondFrom: from,
        });
      }
    }
    const placed = <R extends { queryId: string; statementId: string; split: SplitName }>(row: R): R => {
      const queryId = queryIds.get(row.queryId) ?? row.queryId;
      const split = byQuery.get(queryId)?.split ?? row.split;
      return { ...row, queryId, statementId: statementIds.get(row.statementId) ?? row.statementId, split };
    };
    for (const row of dataSet.relevance ?? []) relevance.add(placed(row), from);
    for (const row of dataSet.nli ?? []) nli.add(placed(row), from);
    for (const row of dataSet.dialogues ?? []) {
      const key = JSON.stringify([row.query, row.response]);
      const queryId = queryIds.get(row.queryId) ?? row.queryId;
      if (dialogues.has(key)) merged.duplicates++;
      else dialogues.set(key, { ...row, queryId, split: byQuery.get(queryId)?.split ?? row.split });
    }
  }

  const { dataSet } = merged;
  const has = (table: 'relevance' | 'nli' | 'dialogues') => parts.some((part) => part.dataSet[table]);
  if (has('relevance')) dataSet.relevance = relevance.rows(rule);
  if (has('nli')) dataSet.nli = nli.rows(rule);
  if (has('dialogues')) dataSet.dialogues = [...dialogues.values()];
  dataSet.queries = [...byQuery.values()].map(({ from: _, ...row }) => ({
    ...row,
    borderline: row.borderline.filter((id) => !row.active.includes(id)),
  }));
  merged.split = recordOf(dataSet);
  return merged;
}

function recordOf({ statements, queries }: DataSet): Split {
  const [train, heldOut] = SPLITS.map((side) => queries.filter(({ split }) => split === side));
  const trained = new Set(train!.map(({ active }) => active[0]));
  return {
    train: train!.map(({ queryId }) => queryId),
    heldOut: heldOut!.map(({ queryId }) => queryId),
    dropped: [],
    targetsWithoutTraining: statements.map(({ statementId }) => statementId).filter((id) => !trained.has(id)),
  };
}

/** One id a text, one text an id. */
class Ids {
  private readonly byText = new Map<string, string>();
  private readonly taken = new Set<string>();
  /** Whether the last text was not known before. */
  isNew = false;

  of(id: string, text: string): string {
    const known = this.byText.get(text);
    this.isNew = known === undefined;
    if (known !== undefined) return known;
    let free = id;
    for (let n = 2; this.taken.has(free); n++) free = `${id}-${n}`;
    this.taken.add(free);
    this.byText.set(text, free);
    return free;
  }
}

/** Labelled rows, each once; those whose label is disputed are known. */
class Rows<Row extends { statement: string; query: string; label: number; response?: string }> {
  private readonly found = new Map<string, { row: Row; from: string; disputed: boolean }>();

  constructor(
    private readonly what: 'relevance' | 'nli',
    private readonly labels: readonly string[],
    private readonly merged: Merged,
  ) {}

  add(row: Row, from: string): void {
    const { statement, query, response } = row;
    const key = JSON.stringify([statement, query, response]);
    const before = this.found.get(key);
    if (before === undefined) {
      this.found.set(key, { row, from, disputed: false });
    } else if (before.row.label === row.label) {
      this.merged.duplicates++;
    } else {
      before.disputed = true;
      this.merged.conflicts.push({
        what: this.what,
        statement,
        query,
        ...(response === undefined ? {} : { response }),
        first: this.labels[before.row.label]!,
        firstFrom: before.from,
        second: this.labels[row.label]!,
        secondFrom: from,
      });
    }
  }

  rows(rule: ConflictRule): Row[] {
    return [...this.found.values()]
      .filter(({ disputed }) => rule !== 'drop' || !disputed)
      .map(({ row }) => row);
  }
}
