import type { AuthoredCharacter } from './characterFormat.js';
import { type NliOptions, nliRows } from './nli.js';
import { type RelevanceOptions, relevanceRows } from './relevance.js';
import type { DialogueRow, NliRow, QueryRow, RelevanceRow, StatementRow } from './rows.js';
import { type Split, type SplitOptions, splitOf, splitQueries } from './split.js';

export type BuildOptions = SplitOptions & RelevanceOptions & NliOptions;

/** The options of the committed data sets; each `split.json` repeats those it was built with. */
export const BUILD_OPTIONS: BuildOptions = {
  seed: 2024,
  heldOutShare: 0.25,
  heldOutMin: 16,
  nearDuplicate: 0.35,
  hardNegatives: 2,
  randomNegatives: 2,
  neutralRatio: 1.2,
  hardShare: 0.5,
};

/** Everything that is derived from one authored character. */
export interface CharacterData {
  split: Split;
  statements: StatementRow[];
  queries: QueryRow[];
  relevance: RelevanceRow[];
  nli: NliRow[];
  dialogues: DialogueRow[];
}

/** Derives the rows of one character: a pure function of the character and the options. */
export function buildCharacter(
  character: AuthoredCharacter,
  options: BuildOptions = BUILD_OPTIONS,
): CharacterData {
  const { id, name, language } = character;
  const split = splitQueries(character, options);
  const splits = splitOf(split);
  const kept = character.queries.filter((query) => splits.has(query.id));
  return {
    split,
    statements: character.statements.map(({ id: statementId, text }) => ({
      character: id,
      statementId,
      text,
    })),
    queries: kept.map(({ id: queryId, text, active, borderline }) => ({
      character: id,
      queryId,
      text,
      split: splits.get(queryId)!,
      active,
      borderline,
    })),
    relevance: relevanceRows(character, splits, options),
    nli: nliRows(character, splits, options),
    dialogues: kept.map(({ id: queryId, text, entailed }) => ({
      character: id,
      name,
      language,
      queryId,
      query: text,
      response: entailed.text,
      split: splits.get(queryId)!,
    })),
  };
}
