import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Prices } from '../config/teacher.js';
import { TruecastError } from '../support/errors.js';
import { Asker } from '../teacher/asker.js';
import { type LabelledData, labelledData } from '../teacher/dataset.js';
import { type Estimate, estimate } from '../teacher/estimate.js';
import { mayBeRetried } from '../teacher/failures.js';
import { type Labelled, runPipeline, type StageCount } from '../teacher/pipeline.js';
import { askSecond, type SecondLabels } from '../teacher/secondPass.js';
import { type SecondSummary, secondSummary } from '../teacher/secondReport.js';
import { AnswerStore, type Shard } from '../teacher/store.js';
import type { Stage } from '../teacher/teacher.js';
import type { RecipeContext } from './begin.js';
import { type DatasetSource, type Job, prepare } from './datasetJob.js';
import { closeAll, type Environment, openAll, type Teachers } from './teachers.js';
import { tally, writeDataset } from './writeDataset.js';

export type { DatasetSource } from './datasetJob.js';

export interface BuildDatasetOptions extends DatasetSource {
  /** Asks this part of the questions alone, and makes no data set. */
  shard?: Shard | undefined;
  /** With a shard: waits for the answers of the others instead of ending where they are needed. */
  wait?: boolean | undefined;
  /** How often it looks for them. */
  pollMs?: number | undefined;
  /** Folders of shards whose answers are taken over first. */
  merge?: readonly string[] | undefined;
  /** Asks again what is not in the data set. */
  retryFailures?: boolean | undefined;
}

export interface BuildDatasetResult {
  folder: string;
  /** Whether the data set is there; a shard ends without. */
  built: boolean;
  /** The stage that waits for the answers of other shards. */
  waiting: Stage | null;
  stages: Partial<Record<Stage, StageCount>>;
  rows: { [table in keyof Omit<LabelledData, 'split'>]: number } | null;
  /** What is not in the data set, by reason. */
  failures: Record<string, number>;
  /** How far two teachers agree; null without a second one. */
  second: SecondSummary | null;
  /** Rows set aside for truecast review. */
  toReview: number;
  merged: number;
  /** What this run asked and was charged. */
  asked: { questions: number; promptTokens: number; completionTokens: number };
}

/**
 * From a document about someone to a data set, by a teacher. Every answer is stored as it comes: the same
 * call goes on where it was stopped, and asks nothing twice.
 */
export async function buildDataset(
  options: BuildDatasetOptions,
  { progress }: RecipeContext,
  environment: Environment = process.env,
): Promise<BuildDatasetResult> {
  const { config, out, shard } = options;
  const job = prepare(options);
  for (const note of job.notes) progress.note(note);
  refuseForeign(out);
  const work = join(out, 'work');
  const store = await AnswerStore.open(work, shard);
  const teachers = await openAll(job.specs, config, work, environment, { progress }).catch(async (error) => {
    await store.close();
    throw error;
  });
  try {
    if (store.damaged > 0)
      progress.note(`${store.damaged} damaged lines in ${work}: their questions are asked again`);
    for (const folder of options.merge ?? []) {
      const gained = await store.takeOver(existsSync(join(folder, 'work')) ? join(folder, 'work') : folder);
      progress.note(`${gained} answers from ${folder}`);
    }
    const { tries } = config;
    const asker = new Asker(store, { teachers: teachers.first, tries, shard, progress });
    const second = teachers.second && new Asker(store, { teachers: teachers.second, tries, shard, progress });
    if (options.retryFailures) {
      const known = await whatIsKnown(store, job, teachers, tries);
      for (const one of second ? [asker, second] : [asker])
        one.retry(known.failures.filter(mayBeRetried).map(({ key }) => key));
    }
    const labelled = await untilDone(store, options, () => runPipeline(asker, job.context, job.pipeline));
    let labels: SecondLabels | undefined;
    if (second && labelled.waiting === undefined) {
      progress.note('the second teacher labels the rows, too');
      labels = await askSecond(second, job.context, labelledData(job.character, labelled, job.split));
      labelled.failures.push(...labels.failures);
    }
    const made = shard === undefined ? writeDataset(options, job, teachers, labelled, labels) : undefined;
    return {
      folder: out,
      built: made !== undefined,
      waiting: labelled.waiting ?? null,
      stages: labelled.counts,
      rows: made === undefined ? null : rowCounts(made.data),
      failures: tally(labelled),
      second: made?.second ? secondSummary(made.second) : null,
      toReview: made?.toReview ?? 0,
      merged: labelled.merges.length,
      asked: sum(asker.spent, second?.spent),
    };
  } finally {
    closeAll(teachers);
    await store.close();
  }
}

/** What building would ask and cost, given what is stored already; nobody is asked. */
export async function estimateDataset(
  source: DatasetSource,
  prices: Prices,
  { progress }: RecipeContext,
  environment: Environment = process.env,
): Promise<Estimate> {
  const job = prepare(source);
  const folder = join(source.out, 'work');
  const store = AnswerStore.look(folder);
  const teachers = await openAll(job.specs, source.config, folder, environment, { progress });
  try {
    const { second, ...known } = await whatIsKnown(store, job, teachers, source.config.tries);
    return estimate(job.paragraphs, job.context, source.config, job.specs, known, prices, second);
  } finally {
    closeAll(teachers);
  }
}

/** What the stored answers come to; nobody is asked. */
async function whatIsKnown(
  store: AnswerStore,
  job: Job,
  teachers: Teachers,
  tries: number,
): Promise<Labelled & { second?: SecondLabels }> {
  const asker = new Asker(store, { teachers: teachers.first, tries, dry: true });
  const known = await runPipeline(asker, job.context, job.pipeline);
  if (teachers.second === undefined || known.waiting !== undefined) return known;
  const other = new Asker(store, { teachers: teachers.second, tries, dry: true });
  const second = await askSecond(other, job.context, labelledData(job.character, known, job.split));
  return { ...known, failures: [...known.failures, ...second.failures], second };
}

/** A data set that no build made is somebody's work. */
function refuseForeign(out: string): void {
  if (!existsSync(join(out, 'split.json')) || existsSync(join(out, 'work'))) return;
  throw new TruecastError(`${out} holds a data set that was not built here`, 'choose another folder (--out)');
}

/** Runs the pipeline; with `wait`, again whenever other shards may have stored what it lacks. */
async function untilDone(
  store: AnswerStore,
  { wait, pollMs = 3000, shard }: BuildDatasetOptions,
  run: () => Promise<Labelled>,
): Promise<Labelled> {
  for (;;) {
    store.refresh();
    const labelled = await run();
    if (labelled.waiting === undefined || !wait || shard === undefined) return labelled;
    await sleep(pollMs);
  }
}

function rowCounts({ split: _, ...tables }: LabelledData): BuildDatasetResult['rows'] {
  return {
    statements: tables.statements.length,
    queries: tables.queries.length,
    relevance: tables.relevance.length,
    nli: tables.nli.length,
    dialogues: tables.dialogues.length,
  };
}

function sum(one: Asker['spent'], other: Asker['spent'] | undefined): Asker['spent'] {
  return {
    questions: one.questions + (other?.questions ?? 0),
    promptTokens: one.promptTokens + (other?.promptTokens ?? 0),
    completionTokens: one.completionTokens + (other?.completionTokens ?? 0),
  };
}
