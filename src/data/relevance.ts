import { randomKey, shuffled } from '../support/random.js';
import type { AuthoredCharacter, AuthoredQuery } from './characterFormat.js';
import type { RelevanceRow, SplitName } from './rows.js';
import { LexicalIndex } from './similarity.js';

export interface RelevanceOptions {
  seed: number;
  /** No rows per query whose statement is lexically closest to it. */
  hardNegatives: number;
  /** No rows per query whose statement is drawn at random from the others. */
  randomNegatives: number;
}

/**
 * Rows of the relevance discriminator: yes for every active statement of a query; no for a sample of the
 * statements that are neither active nor borderline, which the annotation asserts to be irrelevant.
 * A query's draws depend on its id and the seed alone, so a change elsewhere leaves them as they are.
 */
export function relevanceRows(
  character: AuthoredCharacter,
  splits: ReadonlyMap<string, SplitName>,
  options: RelevanceOptions,
): RelevanceRow[] {
  const { id, name, language, statements } = character;
  const texts = new Map(statements.map((statement) => [statement.id, statement.text]));
  const index = new LexicalIndex(statements.map(({ text }) => text));
  return character.queries.flatMap((query) => {
    const split = splits.get(query.id);
    if (split === undefined) return [];
    const row = (statementId: string, origin: RelevanceRow['origin']): RelevanceRow => ({
      character: id,
      name,
      language,
      statementId,
      queryId: query.id,
      statement: texts.get(statementId)!,
      query: query.text,
      label: origin === 'active' ? 1 : 0,
      split,
      origin,
    });
    const { hard, random } = negatives(character, query, index, options);
    return [
      ...query.active.map((statementId) => row(statementId, 'active')),
      ...hard.map((statementId) => row(statementId, 'hard')),
      ...random.map((statementId) => row(statementId, 'random')),
    ];
  });
}

function negatives(
  { id, statements }: AuthoredCharacter,
  query: AuthoredQuery,
  index: LexicalIndex,
  { seed, hardNegatives, randomNegatives }: RelevanceOptions,
): { hard: string[]; random: string[] } {
  const excluded = new Set([...query.active, ...query.borderline]);
  const ranked = index
    .rank(query.text)
    .map((i) => statements[i]!.id)
    .filter((statementId) => !excluded.has(statementId));
  const hard = ranked.slice(0, hardNegatives);
  const rest = ranked.slice(hardNegatives).sort();
  return {
    hard,
    random: shuffled(rest, randomKey(seed, 'relevance', id, query.id)).slice(0, randomNegatives),
  };
}
