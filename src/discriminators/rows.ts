import type { LoadedCharacter, NliRow, RelevanceRow, SplitName } from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import type { DiscriminatorTask } from './format.js';
import type { LabelledInput } from './train.js';

/** A character's labelled rows of a task, of one side of the split. */
export function labelledRows(
  character: LoadedCharacter,
  task: DiscriminatorTask,
  split: SplitName,
): LabelledInput[] {
  const rows: (RelevanceRow | NliRow)[] | undefined =
    task === 'relevance' ? character.relevance : character.nli;
  if (!rows) {
    throw new TruecastError(
      `${character.id} has no ${task} rows: it is a plain persona, or a data set that came without them`,
      'train on a character with annotated queries, such as those in datasets/',
    );
  }
  return rows
    .filter((row) => row.split === split)
    .map((row, i) => ({
      id: `${row.character}/${row.queryId}/${row.statementId}#${i}`,
      character: row.name,
      statement: row.statement,
      query: row.query,
      label: row.label,
      ...('response' in row ? { response: row.response } : {}),
    }));
}
