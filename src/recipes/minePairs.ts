import { existsSync } from 'node:fs';
import type { Agent } from '../agents/agent.js';
import { preferencePairs } from '../apc/pairs.js';
import { PAIRS_TOGETHER } from '../apc/parts.js';
import { type ApcScorer, type ScoredItem, scoreTogether } from '../apc/score.js';
import type { DpoConfig } from '../config/schema.js';
import {
  chunkEnds,
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
  prompts: readonly (readonly number[])[],
  { mining, run }: DpoConfig,
  folder: RunFolder,
  progress: Progress,
): Promise<PairRow[]> {
  if (folder.has(PAIRS)) return readTable(folder.file(PAIRS), pairsTable);
  const samples = await sampleResponses(agent, queries, prompts, mining, run.seed, folder, progress);
  // of all queries at once, fresh or resumed: the same batches give the same numbers
  (await scorer.relevance.of(queries.map(({ text }) => text))).dispose();
  const distinct = [...new Map(samples.map((item) => [keyOf(item), item])).values()];
  const chunk = Math.max(1, Math.floor(PAIRS_TOGETHER / agent.character.statements.length));
  const ends = chunkEnds(distinct.length, chunk);
  const bar = progress.start('scoring', distinct.length);
  const table = await resumableTable(folder.file(SCORES), scoresTable, ends, async (begin, end) => {
    const made = await scoreTogether(distinct.slice(begin, end).map((item) => ({ scorer, item })));
    bar.update(end);
    return made.map(({ query, response, apc, delta, violations }) => ({
      query,
      response,
      apc,
      delta,
      violations,
    }));
  });
  bar.stop();
  const scores = new Map(table.map((row) => [keyOf(row), row]));
  const scored = samples.map((item) => scores.get(keyOf(item))!);
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

function keyOf({ query, response }: ScoredItem): string {
  return JSON.stringify([query, response]);
}

/** In the queries' order, each query's samples together. */
async function sampleResponses(
  agent: Agent,
  queries: readonly QueryRow[],
  prompts: readonly (readonly number[])[],
  { samples, sampling }: DpoConfig['mining'],
  seed: number,
  folder: RunFolder,
  progress: Progress,
): Promise<ScoredItem[]> {
  const all = queries.flatMap(({ text, queryId }, q) =>
    Array.from({ length: samples }, (_, i) => ({ query: text, key: `${queryId}/${i}`, prompt: prompts[q]! })),
  );
  // prompts of like lengths run together
  const order = all.map((_, i) => i).sort((a, b) => all[a]!.prompt.length - all[b]!.prompt.length || a - b);
  const wanted = order.map((i) => all[i]!);
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
    const replies = await agent.replies(batch, { ...sampling, seed });
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
  const result: ScoredItem[] = [];
  order.forEach((i, place) => {
    result[i] = { query: done[place]!.query, response: done[place]!.response };
  });
  return result;
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
