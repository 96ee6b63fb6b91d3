import { existsSync } from 'node:fs';
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
  resumableTable,
  scoresTable,
  writeJsonl,
  writeTable,
} from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import { appendLine, dropHalfLine } from '../support/files.js';
import type { Progress } from '../support/progress.js';
import { mean } from '../support/statistics.js';
import type { RunFolder } from '../training/runFolder.js';

const SAMPLES = 'samples.jsonl';
const SCORES = 'scores.arrow';
/** Responses scored at a time; what is scored is kept. */
const SCORED_TOGETHER = 64;
/** The run's pairs, mined or ready-made. */
export const PAIRS = 'pairs.arrow';

/**
 * Samples responses to a character's queries, scores them by APC and keeps the pairs that differ enough.
 * Samples and scores are kept as they come, and pairs when done: a run that was stopped goes on.
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
  const samples = await sampleResponses(agent, queries, mining, run.seed, folder, progress);
  // of all queries at once, fresh or resumed: the same batches give the same numbers
  (await scorer.relevance.of(queries.map(({ text }) => text))).dispose();
  const size = { total: samples.length, chunk: SCORED_TOGETHER };
  const scored = await resumableTable(folder.file(SCORES), scoresTable, size, async (begin, end) =>
    (await scorer.score(samples.slice(begin, end))).map(({ query, response, apc, delta, violations }) => ({
      query,
      response,
      apc,
      delta,
      violations,
    })),
  );
  const ids = new Map(queries.map(({ text, queryId }) => [text, queryId]));
  const pairs = preferencePairs(scored, mining.margin).map((pair) => ({
    character: agent.character.id,
    queryId: ids.get(pair.query)!,
    ...pair,
  }));
  progress.note(
    `${samples.length} responses to ${queries.length} queries, mean ΔAPC ${mean(scored.map(({ delta }) => delta)).toFixed(3)}; ` +
      `${pairs.length} pairs differ by more than ${mining.margin}`,
  );
  if (pairs.length === 0) {
    throw new TruecastError(
      `no two responses to a query differ in APC by more than ${mining.margin}`,
      'under another run name, lower mining.margin, or raise mining.samples or the temperature',
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
  const done = samplesDone(path, sampling.batchSize, wanted.length);
  const strange = done.findIndex(({ query }, i) => query !== wanted[i]!.query);
  if (strange >= 0) {
    throw new TruecastError(
      `${path}:${strange + 1}: a response to a query that is not asked: the character has changed since`,
      'give the run another name, or remove the folder to start anew',
    );
  }
  const bar = progress.start('sampling', wanted.length, done.length);
  while (done.length < wanted.length) {
    const batch = wanted.slice(done.length, done.length + sampling.batchSize);
    const replies = await agent.reply(batch, { ...sampling, seed }, { batchSize: sampling.batchSize });
    const rows = batch.map(({ query }, i) => ({
      character: agent.character.id,
      query,
      response: replies[i]!.text,
    }));
    appendLine(path, rows.map((row) => JSON.stringify(row)).join('\n'));
    done.push(...rows);
    bar.update(done.length);
  }
  bar.stop();
  return done;
}

/**
 * The samples of whole batches: of a batch that was cut short none, so that a run which goes on makes the same
 * batches as one that never stopped.
 */
function samplesDone(path: string, batchSize: number, wanted: number): ScoredItem[] {
  dropHalfLine(path);
  if (!existsSync(path)) return [];
  const rows = readJsonl(path, responsesTable);
  if (rows.length >= wanted) return rows.slice(0, wanted);
  const whole = rows.slice(0, rows.length - (rows.length % batchSize));
  if (whole.length < rows.length) writeJsonl(path, responsesTable, whole);
  return whole;
}
