import type { Agent } from '../agents/agent.js';
import { preferencePairs } from '../apc/pairs.js';
import type { ApcScorer, ScoredItem } from '../apc/score.js';
import type { DpoConfig } from '../config/schema.js';
import {
  type PairRow,
  pairsTable,
  type QueryRow,
  readJsonl,
  readTable,
  responsesTable,
  writeTable,
} from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import { appendLine, dropHalfLine } from '../support/files.js';
import type { Progress } from '../support/progress.js';
import { mean } from '../support/statistics.js';
import type { RunFolder } from '../training/runFolder.js';

const SAMPLES = 'samples.jsonl';
const PAIRS = 'pairs.arrow';

/**
 * Samples responses to the character's queries, scores them by APC and keeps the pairs that differ enough.
 * Samples are kept as they come and pairs when done: a run that was stopped goes on.
 */
export async function minePairs(
  agent: Agent,
  scorer: ApcScorer,
  queries: readonly QueryRow[],
  { mining, run }: DpoConfig,
  folder: RunFolder,
  progress: Progress,
): Promise<PairRow[]> {
  if (folder.has(PAIRS)) return readTable(folder.file(PAIRS), pairsTable);
  const asked = queries.slice(0, mining.queries);
  const samples = await sampleResponses(agent, asked, mining, run.seed, folder, progress);
  const scored = await scorer.score(samples);
  const ids = new Map(asked.map(({ text, queryId }) => [text, queryId]));
  const pairs = preferencePairs(scored, mining.margin).map((pair) => ({
    character: agent.character.id,
    queryId: ids.get(pair.query)!,
    ...pair,
  }));
  progress.note(
    `${samples.length} responses to ${asked.length} queries, mean ΔAPC ${mean(scored.map(({ delta }) => delta)).toFixed(3)}; ` +
      `${pairs.length} pairs differ by more than ${mining.margin}`,
  );
  if (pairs.length === 0) {
    throw new TruecastError(
      `no two responses to a query differ in APC by more than ${mining.margin}`,
      'lower mining.margin, or raise mining.samples or the temperature',
    );
  }
  writeTable(folder.file(PAIRS), pairsTable, pairs);
  return pairs;
}

async function sampleResponses(
  agent: Agent,
  queries: readonly QueryRow[],
  { samples, sampling }: DpoConfig['mining'],
  seed: number,
  folder: RunFolder,
  progress: Progress,
): Promise<ScoredItem[]> {
  const wanted = queries.flatMap(({ text, queryId }) =>
    Array.from({ length: samples }, (_, i) => ({ query: text, key: `${queryId}/${i}` })),
  );
  const path = folder.file(SAMPLES);
  dropHalfLine(path);
  const done: ScoredItem[] = folder.has(SAMPLES) ? readJsonl(path, responsesTable) : [];
  const bar = progress.start('sampling', wanted.length, done.length);
  while (done.length < wanted.length) {
    const batch = wanted.slice(done.length, done.length + sampling.batchSize);
    const replies = await agent.reply(batch, { ...sampling, seed }, { batchSize: sampling.batchSize });
    batch.forEach(({ query }, i) => {
      const row = { character: agent.character.id, query, response: replies[i]!.text };
      appendLine(path, JSON.stringify(row));
      done.push(row);
    });
    bar.update(done.length);
  }
  bar.stop();
  return done;
}
