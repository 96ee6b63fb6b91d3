import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent } from '../agents/agent.js';
import { PAIRS_TOGETHER, partsBySize } from '../apc/parts.js';
import { type ApcScorer, scoreTogether } from '../apc/score.js';
import { chunkEnds, readTable, resumableTable, type TableSchema, writeTable } from '../data/index.js';
import type { GenerateOptions } from '../models/gemma/generate.js';
import { TruecastError } from '../support/errors.js';
import type { Progress, ProgressBar } from '../support/progress.js';
import {
  type GeneratedRow,
  generatedTable,
  type JudgedRow,
  judgedRow,
  judgedTable,
  type ReplyRow,
  repliesTable,
} from './rows.js';

/** A query that is played, with the prompt that the method makes of it. */
export interface PlayedQuery {
  queryId: string;
  text: string;
  prompt: readonly number[];
}

/** One way to play a character: a method, without or with DPO's adapter. */
export interface Play {
  agent: Agent;
  judge: ApcScorer;
  /** The adapter's folder; none: the model as it is. */
  adapter: string | undefined;
  dpo: boolean;
  queries: readonly PlayedQuery[];
}

export interface PlayOptions {
  /** Replies per query. */
  samples: number;
  sampling: Omit<GenerateOptions, 'stopTokens' | 'seed'> & { batchSize: number };
  seed: number;
  /** Where replies are kept: as they come, so that a stopped run goes on, and a file per method in the end. */
  folder: string;
  /** Puts a play's adapter on. */
  wear(adapter: string | undefined): void;
  progress: Progress;
}

/**
 * The judged replies of several plays, in their order. All that one adapter has to say is generated together, in
 * batches of prompts of like lengths, whatever the method and character; then all that was said is judged
 * together, what was said twice once.
 */
export async function judgedReplies(plays: readonly Play[], options: PlayOptions): Promise<ReplyRow[][]> {
  const file = (name: string) => join(options.folder, `${name}.arrow`);
  const names = [...new Set(plays.map(nameOf))];
  if (!names.every((name) => existsSync(file(name)))) {
    const asked = plays.flatMap((play) =>
      play.queries.flatMap((query) =>
        Array.from({ length: options.samples }, (_, sample) => ({ play, query, sample })),
      ),
    );
    const replies = await generated(asked, options, file('generated'));
    const judgements = await judged(asked, replies, options, file('judged'));
    const rows = asked.map(({ play: { agent, dpo }, query: { queryId, text }, sample }, i): ReplyRow => {
      const { of: _reply, response, ...generation } = replies[i]!;
      const { of: _first, ...judgement } = judgements[i]!;
      const played = { character: agent.character.id, method: agent.options.method, dpo, queryId, sample };
      return { ...played, query: text, response, ...generation, ...judgement };
    });
    for (const name of names) {
      const own = rows.filter((_, i) => nameOf(asked[i]!.play) === name);
      writeTable(file(name), repliesTable, own);
    }
  }
  for (const name of ['generated', 'judged']) rmSync(file(name), { force: true });
  const tables = new Map(names.map((name) => [name, readTable(file(name), repliesTable)]));
  return plays.map((play) =>
    tables.get(nameOf(play))!.filter(({ character }) => character === play.agent.character.id),
  );
}

interface Asked {
  play: Play;
  query: PlayedQuery;
  sample: number;
}

function nameOf({ agent, dpo }: Play): string {
  return `${agent.options.method}${dpo ? '-dpo' : ''}`;
}

function labelOf({ play, query, sample }: Asked): string {
  return `${play.agent.character.id}/${nameOf(play)}/${query.queryId}/${sample}`;
}

/** The replies, in the order asked for. */
async function generated(
  asked: readonly Asked[],
  { wear, progress, seed, sampling: { batchSize, ...sampling } }: PlayOptions,
  path: string,
): Promise<GeneratedRow[]> {
  const adapters = [...new Set(asked.map(({ play }) => play.adapter))];
  const order: number[] = [];
  const ends: number[] = [];
  for (const adapter of adapters) {
    const part = asked.map((_, i) => i).filter((i) => asked[i]!.play.adapter === adapter);
    const length = (i: number) => asked[i]!.query.prompt.length;
    part.sort((a, b) => length(a) - length(b) || a - b);
    ends.push(...chunkEnds(part.length, batchSize).map((end) => order.length + end));
    order.push(...part);
  }
  let worn: Play | undefined;
  const rows = await chunks(path, generatedTable, ends, 'replies', progress, async (begin, end) => {
    const batch = order.slice(begin, end).map((i) => asked[i]!);
    const { play } = batch[0]!;
    if (worn?.adapter !== play.adapter || worn === undefined) wear(play.adapter);
    worn = play;
    const requests = batch.map(({ query, sample }) => ({
      prompt: query.prompt,
      key: `${query.queryId}/${sample}`,
    }));
    const replies = await play.agent.replies(requests, { ...sampling, seed });
    return replies.map(({ text, tokens, stopped }, i) => ({
      of: labelOf(batch[i]!),
      response: text,
      tokens,
      stopped,
    }));
  });
  return placed(order, rows, asked, path);
}

/** What the judge says of the replies, in the order asked for. */
async function judged(
  asked: readonly Asked[],
  replies: readonly GeneratedRow[],
  { progress }: PlayOptions,
  path: string,
): Promise<JudgedRow[]> {
  const firsts = new Map<string, number>();
  const first = asked.map(({ play, query }, i) => {
    const key = JSON.stringify([play.agent.character.id, query.text, replies[i]!.response]);
    if (!firsts.has(key)) firsts.set(key, i);
    return firsts.get(key)!;
  });
  const distinct = [...firsts.values()];
  const sizes = distinct.map((i) => ({ size: asked[i]!.play.judge.relevance.persona.statements.length }));
  const ends: number[] = [];
  for (const part of partsBySize(sizes, PAIRS_TOGETHER)) ends.push((ends.at(-1) ?? 0) + part.length);
  const rows = await chunks(path, judgedTable, ends, 'judging', progress, async (begin, end) => {
    const part = distinct.slice(begin, end);
    const scored = await scoreTogether(
      part.map((i) => ({
        scorer: asked[i]!.play.judge,
        item: { query: asked[i]!.query.text, response: replies[i]!.response },
      })),
    );
    return scored.map((score, row) => judgedRow(labelOf(asked[part[row]!]!), score));
  });
  const known = placed(distinct, rows, asked, path);
  return first.map((i) => known[i]!);
}

/** A table made chunk by chunk, with a bar that counts its rows. */
async function chunks<Row extends object>(
  path: string,
  schema: TableSchema<Row>,
  ends: readonly number[],
  what: string,
  progress: Progress,
  produce: (begin: number, end: number) => Promise<Row[]>,
): Promise<Row[]> {
  let bar: ProgressBar | undefined;
  const total = ends.at(-1) ?? 0;
  try {
    return await resumableTable(path, schema, ends, async (begin, end) => {
      bar ??= progress.start(what, total, begin);
      const rows = await produce(begin, end);
      bar.update(end);
      return rows;
    });
  } finally {
    bar?.stop();
  }
}

/** Rows at the places that they were made for; a run whose character has changed since is refused. */
function placed<Row extends { of: string }>(
  order: readonly number[],
  rows: readonly Row[],
  asked: readonly Asked[],
  path: string,
): Row[] {
  const result: Row[] = [];
  order.forEach((i, place) => {
    const row = rows[place];
    if (row?.of !== labelOf(asked[i]!)) {
      throw new TruecastError(
        `${path} has replies to what is not asked: the character has changed since`,
        'give the run another name, or remove the folder to start anew',
      );
    }
    result[i] = row;
  });
  return result;
}
