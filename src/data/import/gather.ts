import type { SplitName } from '../rows.js';
import { LABELS } from './labels.js';
import { type ParsedRow, RowProblem } from './parse.js';
import { type Entry, Registry } from './registry.js';

export interface QueryEntry extends Entry {
  split: SplitName | undefined;
  /** Where the query's split was said. */
  splitPlace: string;
  /** Ids, as the source lists them. */
  active: string[] | undefined;
  borderline: string[] | undefined;
  /** Statements that the rows say it is relevant to. */
  relevant: Set<Entry>;
  /** The statement it first comes with. */
  first: Entry | undefined;
}

export interface GatheredRow {
  statement: Entry;
  query: QueryEntry;
  label: number;
  origin: string | undefined;
  place: string;
}

export type GatheredNli = GatheredRow & { response: string };
export interface GatheredDialogue {
  query: QueryEntry;
  response: string;
  place: string;
}

/** All rows of one character. */
export interface Gathered {
  /** What the source calls the character. */
  key: string;
  name: string | undefined;
  language: string | undefined;
  statements: Registry<Entry>;
  queries: Registry<QueryEntry>;
  /** By what must be unique in them; undefined where no source has such rows. */
  relevance: Map<string, GatheredRow> | undefined;
  nli: Map<string, GatheredNli> | undefined;
  dialogues: Map<string, GatheredDialogue> | undefined;
}

export interface Duplicate {
  place: string;
  /** The row that it repeats. */
  of: string;
}

export interface GatherOptions {
  /** Only this character, by the source's name for it; where the source names none, all rows are its. */
  character?: string | undefined;
}

/** Brings the rows of all sources together: by character, each text once, each row once. */
export class Gatherer {
  readonly characters = new Map<string, Gathered>();
  readonly duplicates: Duplicate[] = [];
  /** Queries that the sources put on both sides of the split. */
  readonly leaks: Duplicate[] = [];
  /** Rows of other characters than the one that is wanted. */
  passedOver = 0;

  constructor(private readonly options: GatherOptions) {}

  /** Takes in a row. Throws a RowProblem where it contradicts an earlier one. */
  add(row: ParsedRow, place: string): void {
    const wanted = this.options.character;
    const key = row.character ?? row.name ?? wanted;
    if (key === undefined) throw new RowProblem('character is missing');
    if (wanted !== undefined && key !== wanted && row.name !== wanted) {
      this.passedOver++;
      return;
    }
    const character = this.character(key);
    take(character, 'name', row.name);
    take(character, 'language', row.language);
    const { statements, queries } = character;
    switch (row.kind) {
      case 'statements':
        statements.of(row.statement!, row.statementId, place);
        return;
      case 'queries':
        this.addQuery(character, row, place);
        return;
      case 'dialogues': {
        const query = this.query(queries, row, place);
        character.dialogues ??= new Map();
        const same = JSON.stringify([row.query, row.response]);
        const before = character.dialogues.get(same);
        if (before !== undefined) this.duplicates.push({ place, of: before.place });
        else character.dialogues.set(same, { query, response: row.response!, place });
        return;
      }
      case 'relevance':
        character.relevance ??= new Map();
        this.addRow(character, character.relevance, row, place, (common) => common);
        return;
      case 'nli':
        character.nli ??= new Map();
        this.addRow(character, character.nli, row, place, (common) => ({
          ...common,
          response: row.response!,
        }));
    }
  }

  private addQuery(character: Gathered, row: ParsedRow, place: string): void {
    const query = this.query(character.queries, row, place);
    if (row.statement !== undefined) {
      const statement = character.statements.of(row.statement, row.statementId, place);
      query.relevant.add(statement);
      query.first ??= statement;
    }
    query.active ??= row.active;
    query.borderline ??= row.borderline;
  }

  private addRow<Row extends GatheredRow>(
    { statements, queries }: Gathered,
    rows: Map<string, Row>,
    row: ParsedRow,
    place: string,
    complete: (common: GatheredRow) => Row,
  ): void {
    const same = JSON.stringify([row.statement, row.query, row.response]);
    const before = rows.get(same);
    if (before !== undefined && before.label !== row.label) {
      const names = LABELS[row.kind as 'relevance' | 'nli'];
      throw new RowProblem(
        `labelled ${names[row.label!]}, but ${names[before.label]} at ${before.place}: the same row`,
      );
    }
    const statement = statements.of(row.statement!, row.statementId, place);
    const query = this.query(queries, row, place);
    if (before !== undefined) {
      this.duplicates.push({ place, of: before.place });
      return;
    }
    query.first ??= statement;
    if (row.kind === 'relevance' && row.label === 1) query.relevant.add(statement);
    rows.set(same, complete({ statement, query, label: row.label!, origin: row.origin, place }));
  }

  private query(queries: Registry<QueryEntry>, row: ParsedRow, place: string): QueryEntry {
    const query = queries.of(row.query!, row.queryId, place);
    if (row.split === undefined) return query;
    if (query.split === undefined) {
      query.split = row.split;
      query.splitPlace = place;
    } else if (query.split !== row.split) {
      this.leaks.push({ place, of: query.splitPlace });
    }
    return query;
  }

  private character(key: string): Gathered {
    const known = this.characters.get(key);
    if (known !== undefined) return known;
    const fresh: Gathered = {
      key,
      name: undefined,
      language: undefined,
      statements: new Registry('statement', (entry) => entry),
      queries: new Registry('query', (entry) => ({
        ...entry,
        split: undefined,
        splitPlace: '',
        active: undefined,
        borderline: undefined,
        relevant: new Set(),
        first: undefined,
      })),
      relevance: undefined,
      nli: undefined,
      dialogues: undefined,
    };
    this.characters.set(key, fresh);
    return fresh;
  }
}

function take(character: Gathered, what: 'name' | 'language', value: string | undefined): void {
  if (value === undefined) return;
  const before = character[what];
  if (before === undefined) character[what] = value;
  else if (before !== value) throw new RowProblem(`${what} is ${value}, but was ${before} before`);
}
