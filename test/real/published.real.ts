import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateModels } from '../../src/hub/locate.js';
import { hubSettings } from '../../src/hub/settings.js';
import { score } from '../../src/recipes/score.js';
import { TruecastError } from '../../src/support/errors.js';
import { silent, terminalProgress } from '../../src/support/progress.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const RELEVANCE = 'KomeijiForce/deberta-v3-large-relevance-12character';
const NLI = 'KomeijiForce/deberta-v3-large-nli-12character';

/** The example of the paper's implementation, and the APC scores that it prints. */
const STATEMENTS = [
  'Komeiji Koishi lives with her sister, Komeiji Satori.',
  'Komeiji Koishi lives in Chireiden.',
];
const QUERY = 'Where do you live, Koishi?';
const SCORES = {
  'I live in Chireiden with my sister, Satori!': 1.6079180240631104,
  'I live in Chireiden!': 0.9955980777740479,
  'I live in Hakurei Shrine!': 0.03315635025501251,
};
/** Sums of four probabilities each, computed on other hardware. */
const TOLERANCE = 2e-3;

/** Why the checkpoints (3.5 GB, from the hub or its cache) cannot be had; empty where they can. */
const skipped = await (async () => {
  try {
    const wanted = [RELEVANCE, NLI].map((reference) => ({ reference, purpose: 'model' as const }));
    await locateModels(wanted, terminalProgress(), hubSettings());
    return '';
  } catch (error) {
    // no part of TRUECAST_REQUIRE_REAL: no package registry carries them
    if (!(error instanceof TruecastError)) throw error;
    const why = ` (skipped: ${error.message})`;
    process.stderr.write(`published discriminators${why}\n`);
    return why;
  }
})();

describe.skipIf(skipped)(`the published discriminators${skipped}`, () => {
  it('give the published scores of the published example', async () => {
    const character = join(temporary(), 'koishi.yaml');
    const persona = { name: 'Komeiji Koishi', language: 'en', statements: STATEMENTS };
    writeFileSync(character, JSON.stringify(persona));
    const items = Object.keys(SCORES).map((response) => ({ query: QUERY, response }));
    const options = { character, relevance: RELEVANCE, nli: NLI, backend: 'auto' as const };
    const scored = await score(options, items, { progress: silent });
    for (const { response, apc } of scored) {
      expect(Math.abs(apc - SCORES[response as keyof typeof SCORES]), response).toBeLessThan(TOLERANCE);
    }
    expect(scored).toHaveLength(3);
  });
});
