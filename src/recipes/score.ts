import type { ScoredItem, ScoredResponse } from '../apc/score.js';
import type { BackendName } from '../backends/select.js';
import { loadCharacter } from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import { chooseBackend, type RecipeContext } from './begin.js';
import { characterOf, loadScorer, noteCuts } from './parts.js';

export interface ScoreOptions {
  character: string;
  relevance: string;
  nli: string;
  backend: BackendName | 'auto';
}

/** The APC score of given responses, with each statement's part. */
export async function score(
  options: ScoreOptions,
  items: readonly ScoredItem[],
  { progress }: RecipeContext,
): Promise<ScoredResponse[]> {
  if (items.length === 0) throw new TruecastError('there are no responses to score');
  items.forEach(({ query, response }, i) => {
    if (query.trim() === '')
      throw new TruecastError(`query ${i + 1} is empty`, 'a response is scored as the answer to one');
    if (response.trim() === '')
      throw new TruecastError(`response ${i + 1} is empty`, 'there is nothing to score in it');
  });
  const character = characterOf(loadCharacter(options.character));
  await chooseBackend(options.backend, progress);
  const scorer = loadScorer(character, options, progress);
  const scored = await scorer.score(items);
  noteCuts([scorer.relevance.discriminator, scorer.nli], progress);
  scorer.dispose();
  return scored;
}
