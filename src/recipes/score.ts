import type { ScoredItem, ScoredResponse } from '../apc/score.js';
import type { BackendName } from '../backends/select.js';
import { loadCharacter } from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import { Problems } from '../support/problems.js';
import { chooseBackend, type RecipeContext } from './begin.js';
import { findModels } from './models.js';
import { characterOf, loadScorer, noteCuts } from './parts.js';

export interface ScoreOptions {
  character: string;
  /** Discriminators: folders, or models of the hub. */
  relevance: string;
  nli: string;
  backend: BackendName | 'auto';
  /** The file that the responses are from, for messages. */
  responses?: string;
}

/** The APC score of given responses, with each statement's part. */
export async function score(
  options: ScoreOptions,
  items: readonly (ScoredItem & { character?: string | null })[],
  { progress }: RecipeContext,
): Promise<ScoredResponse[]> {
  const character = characterOf(loadCharacter(options.character));
  checkItems(items, character.id, options.responses ?? 'the responses');
  const models = await findModels({ models: [options.relevance, options.nli] }, progress);
  await chooseBackend(options.backend, progress);
  const judges = { relevance: models.get(options.relevance), nli: models.get(options.nli) };
  const scorer = loadScorer(character, judges, progress);
  const scored = await scorer.score(items.map(({ query, response }) => ({ query, response })));
  noteCuts([scorer.relevance.discriminator, scorer.nli], progress);
  scorer.dispose();
  return scored;
}

function checkItems(
  items: readonly (ScoredItem & { character?: string | null })[],
  character: string,
  from: string,
): void {
  if (items.length === 0) throw new TruecastError(`no responses to score in ${from}`, 'give at least one');
  const problems = new Problems();
  items.forEach(({ query, response, character: of }, i) => {
    const place = `${from}: number ${i + 1}`;
    if (query.trim() === '') problems.add(place, 'the query is empty');
    if (response.trim() === '') problems.add(place, 'the response is empty: there is nothing to score in it');
    if (typeof of === 'string' && of !== character) problems.add(place, `is of ${of}, not of ${character}`);
  });
  problems.throwIfAny('responses that cannot be scored', 'mend them, or leave them out', 20);
}
