import type { DialogueRow, NliRow, QueryRow, RelevanceRow } from '../../data/index.js';
import { type LabelledTable, type ReviewRow, rowId } from './rows.js';
import type { ReviewState } from './session.js';

/** The tables of a data set that labels are in, or follow from. */
export interface LabelledTables {
  queries: QueryRow[];
  relevance: RelevanceRow[];
  nli: NliRow[];
  dialogues: DialogueRow[];
}

export interface Corrections {
  /** Rows whose label the person changed, by table. */
  changed: Record<LabelledTable, number>;
  /** Rows that two teachers disagreed on and that were set aside, put in with the person's label. */
  added: Record<LabelledTable, number>;
  /** Dialogues left out, as the person finds that their response does not say what it should. */
  dialoguesDropped: number;
  /** Dialogues put in, whose response two teachers disagreed on and the person finds to say its statement. */
  dialoguesAdded: number;
  /** Labelled rows that the tables lack, though they were drawn from them: of another build. */
  unknown: number;
}

/**
 * The tables with a person's labels in the place of the teacher's. What follows from labels follows: a
 * query's active statements, and the dialogues, whose responses must be entailed.
 */
export function applyReview(
  tables: LabelledTables,
  state: ReviewState,
): { tables: LabelledTables; corrections: Corrections } {
  const corrections: Corrections = {
    changed: { relevance: 0, nli: 0 },
    added: { relevance: 0, nli: 0 },
    dialoguesDropped: 0,
    dialoguesAdded: 0,
    unknown: 0,
  };
  const decided = new Map<string, { row: ReviewRow; label: number }>();
  for (const row of state.rows) {
    const decision = state.standing.get(row.rowId);
    if (decision?.action === 'label') decided.set(row.rowId, { row, label: decision.label! });
  }
  const found = new Set<string>();
  /** The person's label of a row; undefined where it is the same or there is none. */
  const corrected = (table: LabelledTable, row: RelevanceRow | NliRow): number | undefined => {
    const id = rowId(table, row);
    const label = decided.get(id)?.label;
    if (label === undefined) return undefined;
    found.add(id);
    if (label === row.label) return undefined;
    corrections.changed[table]++;
    return label;
  };

  const relevance = tables.relevance.map((row): RelevanceRow => {
    const label = corrected('relevance', row) as RelevanceRow['label'] | undefined;
    return label === undefined ? row : { ...row, label, origin: relevanceOrigin(label, row.origin) };
  });
  const nli = tables.nli.map((row): NliRow => {
    const label = corrected('nli', row) as NliRow['label'] | undefined;
    return label === undefined ? row : { ...row, label };
  });
  const regained: DialogueRow[] = [];
  for (const [id, { row, label }] of decided) {
    if (found.has(id)) continue;
    if (row.why === 'sample') {
      corrections.unknown++;
      continue;
    }
    corrections.added[row.table]++;
    const { rowId: _id, table, why: _why, secondLabel: _second, response, ...rest } = row;
    if (table === 'nli') {
      nli.push({ ...rest, response, label } as NliRow);
      if (label === 2 && row.origin === 'target') regained.push(dialogueOf(row));
    } else {
      const origin = relevanceOrigin(label, row.origin as RelevanceRow['origin']);
      relevance.push({ ...rest, label, origin } as RelevanceRow);
    }
  }

  const { queries, dialogues } = tables;
  const kept = dialogues.filter((dialogue) => !isDenied(dialogue, decided.values()));
  corrections.dialoguesDropped = dialogues.length - kept.length;
  const known = new Set(kept.map(({ queryId, response }) => `${queryId} ${response}`));
  const added = regained.filter(({ queryId, response }) => !known.has(`${queryId} ${response}`));
  corrections.dialoguesAdded = added.length;
  return {
    tables: {
      queries: queries.map((query) => withActive(query, decided.values())),
      relevance,
      nli,
      dialogues: [...kept, ...added],
    },
    corrections,
  };
}

/** All the yes rows are active ones; a no that was one stays close to its query. */
function relevanceOrigin(label: number, origin: RelevanceRow['origin']): RelevanceRow['origin'] {
  if (label === 1) return 'active';
  return origin === 'active' ? 'hard' : origin;
}

type Decided = Iterable<{ row: ReviewRow; label: number }>;

function withActive(query: QueryRow, decided: Decided): QueryRow {
  let { active, borderline } = query;
  for (const { row, label } of decided) {
    if (row.table !== 'relevance' || row.queryId !== query.queryId || row.character !== query.character)
      continue;
    borderline = borderline.filter((id) => id !== row.statementId);
    if (label === 0) active = active.filter((id) => id !== row.statementId);
    else if (!active.includes(row.statementId)) active = [...active, row.statementId];
  }
  return { ...query, active, borderline };
}

function dialogueOf({ character, name, language, queryId, query, response, split }: ReviewRow): DialogueRow {
  return { character, name, language, queryId, query, response: response!, split };
}

/** Whether its response was the entailed one of a statement, and the person says that it is not. */
function isDenied(dialogue: DialogueRow, decided: Decided): boolean {
  for (const { row, label } of decided) {
    const same =
      row.table === 'nli' &&
      row.character === dialogue.character &&
      row.queryId === dialogue.queryId &&
      row.response === dialogue.response;
    if (same && row.label === 2 && label !== 2) return true;
  }
  return false;
}
