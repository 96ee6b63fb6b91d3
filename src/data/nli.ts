import { integerAt, randomKey, shuffled } from '../support/random.js';
import type { AuthoredCharacter, AuthoredQuery, AuthoredResponse } from './characterFormat.js';
import { NLI_LABELS, type NliLabel, type NliRow, SPLITS, type SplitName } from './rows.js';
import { LexicalIndex } from './similarity.js';

export interface NliOptions {
  seed: number;
  /** Neutral rows wanted per entailed or contradicted one (of their mean), reached with cross rows. */
  neutralRatio: number;
  /** Share of the cross rows whose statement is lexically close to the query and response. */
  hardShare: number;
}

/** A response, what was asked, and the statements whose relation to it the annotation leaves neutral. */
interface Candidate {
  query: AuthoredQuery;
  label: NliLabel;
  response: AuthoredResponse;
  free: string[];
}

/**
 * Rows of the natural-language inference discriminator:
 * - target: each query's three responses against the statement that the query was written for;
 * - listed: each response against every other statement that its lists name;
 * - cross: responses against statements in none of their lists, hence neutral, as many as the balance needs.
 * `unsure` statements make no row.
 */
export function nliRows(
  character: AuthoredCharacter,
  splits: ReadonlyMap<string, SplitName>,
  options: NliOptions,
): NliRow[] {
  const texts = new Map(character.statements.map(({ id, text }) => [id, text]));
  const row = (
    { query, response }: Pick<Candidate, 'query' | 'response'>,
    statementId: string,
    label: NliLabel,
    origin: NliRow['origin'],
  ): NliRow => ({
    character: character.id,
    name: character.name,
    language: character.language,
    statementId,
    queryId: query.id,
    statement: texts.get(statementId)!,
    query: query.text,
    response: response.text,
    label: NLI_LABELS.indexOf(label) as NliRow['label'],
    split: splits.get(query.id)!,
    origin,
  });

  const authored = character.queries
    .filter(({ id }) => splits.has(id))
    .flatMap((query) => {
      const target = query.active[0]!;
      return NLI_LABELS.flatMap((label) => {
        const response = query[label];
        const others = (ids: readonly string[]): string[] => ids.filter((id) => id !== target);
        return [
          row({ query, response }, target, label, 'target'),
          ...others(response.entails).map((id) => row({ query, response }, id, 'entailed', 'listed')),
          ...others(response.contradicts).map((id) => row({ query, response }, id, 'contradicted', 'listed')),
        ];
      });
    });
  const cross = SPLITS.flatMap((split) => {
    const wanted = neutralRowsWanted(
      authored.filter((r) => r.split === split),
      options.neutralRatio,
    );
    const queries = character.queries.filter(({ id }) => splits.get(id) === split);
    return sampleCross(character, queries, wanted, options).map(({ candidate, statementId }) =>
      row(candidate, statementId, 'neutral', 'cross'),
    );
  });
  return [...authored, ...cross];
}

function neutralRowsWanted(rows: readonly NliRow[], ratio: number): number {
  const count = (label: NliLabel): number => rows.filter((r) => NLI_LABELS[r.label] === label).length;
  return Math.max(
    0,
    Math.round((ratio * (count('entailed') + count('contradicted'))) / 2) - count('neutral'),
  );
}

/**
 * Draws neutral (response, statement) pairs. The three kinds of response take turns, so that a cross row's
 * response says nothing about its label; queries come in a seeded order, and come round again if needed.
 */
function sampleCross(
  { id, statements }: AuthoredCharacter,
  queries: readonly AuthoredQuery[],
  wanted: number,
  { seed, hardShare }: NliOptions,
): { candidate: Candidate; statementId: string }[] {
  const index = new LexicalIndex(statements.map(({ text }) => text));
  const turns = NLI_LABELS.map((label) =>
    shuffled(queries, randomKey(seed, 'cross', id, label)).map((query): Candidate => {
      const response = query[label];
      const taken = new Set([
        query.active[0],
        ...response.entails,
        ...response.contradicts,
        ...response.unsure,
      ]);
      // From the closest to the farthest.
      const ranked = index.rank(`${query.text} ${response.text}`).map((i) => statements[i]!.id);
      return { query, label, response, free: ranked.filter((statementId) => !taken.has(statementId)) };
    }),
  );
  const order = queries.flatMap((_, i) => turns.map((candidates) => candidates[i]!));
  const drawn: { candidate: Candidate; statementId: string }[] = [];
  let hard = 0;
  while (drawn.length < wanted && order.some(({ free }) => free.length > 0)) {
    for (const candidate of order) {
      if (drawn.length === wanted) break;
      const { query, label, free } = candidate;
      if (free.length === 0) continue;
      const isHard = hard < hardShare * (drawn.length + 1);
      if (isHard) hard++;
      const key = randomKey(seed, 'cross', id, query.id, label);
      const [statementId] = free.splice(isHard ? 0 : integerAt(key, free.length, free.length), 1);
      drawn.push({ candidate, statementId: statementId! });
    }
  }
  return drawn;
}
