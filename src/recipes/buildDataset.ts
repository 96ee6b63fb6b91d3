import { existsSync, mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildDatasetConfig, Prices, TeacherSpec } from '../config/teacher.js';
import { identifier, languageTag, lineOfText } from '../data/characterFormat.js';
import { TruecastError, UsageError } from '../support/errors.js';
import { readBytes, writeFileAtomic } from '../support/files.js';
import { Asker } from '../teacher/asker.js';
import { createTeacher } from '../teacher/create.js';
import { datasetFiles, type LabelledData, labelledData } from '../teacher/dataset.js';
import { type Estimate, estimate, modelOf } from '../teacher/estimate.js';
import { mayBeRetried } from '../teacher/failures.js';
import { paragraphsOf } from '../teacher/paragraphs.js';
import { type Labelled, runPipeline, type StageCount } from '../teacher/pipeline.js';
import { loadPrompts } from '../teacher/prompts.js';
import { provenance } from '../teacher/provenance.js';
import { reportText } from '../teacher/report.js';
import type { StageContext } from '../teacher/stages/question.js';
import { AnswerStore, type Shard } from '../teacher/store.js';
import { STAGES, type Stage, type Teacher } from '../teacher/teacher.js';
import type { RecipeContext } from './begin.js';

export interface DatasetSource {
  /** A text file about the character. */
  document: string;
  /** The character's name, as statements name it. */
  name: string;
  language: string;
  /** The data set's folder; answers are kept in its folder `work`. */
  out: string;
  /** The character's id, instead of the folder's name. */
  id?: string | undefined;
  config: BuildDatasetConfig;
}

export interface BuildDatasetOptions extends DatasetSource {
  /** Asks this part of the questions alone, and makes no data set. */
  shard?: Shard | undefined;
  /** With a shard: waits for the answers of the others instead of ending where they are needed. */
  wait?: boolean | undefined;
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
  merged: number;
  /** What this run asked and was charged. */
  asked: { questions: number; promptTokens: number; completionTokens: number };
}

type Environment = Readonly<Record<string, string | undefined>>;

const POLL_MS = 3000;

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
  refuseForeign(out);
  const work = join(out, 'work');
  const store = await AnswerStore.open(work, shard);
  const teachers = await openTeachers(job.specs, (spec) =>
    createTeacher(spec, { environment, folder: work, progress }),
  ).catch(async (error) => {
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
    const asker = new Asker(store, { teachers, tries: config.tries, shard, progress });
    if (options.retryFailures) {
      const looking = new Asker(store, { teachers, tries: config.tries, dry: true });
      const { failures } = await runPipeline(looking, job.context, job.pipeline);
      asker.retry(failures.filter(mayBeRetried).map(({ key }) => key));
    }
    const labelled = await untilDone(store, options, () => runPipeline(asker, job.context, job.pipeline));
    const data = shard === undefined ? write(options, job, teachers, labelled) : undefined;
    return {
      folder: out,
      built: data !== undefined,
      waiting: labelled.waiting ?? null,
      stages: labelled.counts,
      rows: data === undefined ? null : rowCounts(data),
      failures: tally(labelled),
      merged: labelled.merges.length,
      asked: { ...asker.spent },
    };
  } finally {
    for (const teacher of new Set(Object.values(teachers))) teacher.close();
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
  const teachers = await openTeachers(job.specs, (spec) =>
    createTeacher(spec, { environment, folder, progress }),
  );
  try {
    const asker = new Asker(store, { teachers, tries: source.config.tries, dry: true });
    const known = await runPipeline(asker, job.context, job.pipeline);
    return estimate(job.paragraphs, job.context, source.config, job.specs, known, prices);
  } finally {
    for (const teacher of new Set(Object.values(teachers))) teacher.close();
  }
}

interface Job {
  id: string;
  text: string;
  paragraphs: string[];
  context: StageContext;
  pipeline: Parameters<typeof runPipeline>[2];
  specs: Record<Stage, TeacherSpec>;
}

function prepare({ document, name, language, out, id: given, config }: DatasetSource): Job {
  const id = given ?? basename(resolve(out)).toLowerCase();
  if (!identifier.safeParse(id).success) {
    const from = given === undefined ? `the folder's name becomes the character's id: ${id}` : `--id ${id}`;
    throw new UsageError(from, 'give --id, of lower-case letters, digits and -, a letter first');
  }
  if (!lineOfText.safeParse(name).success) throw new UsageError('--name is no line of text', 'give a name');
  if (!languageTag.safeParse(language).success) {
    throw new UsageError(`--language ${language} is no language tag`, 'give one such as en, zh or ja');
  }
  const prompts = loadPrompts(language, config.prompts);
  const text = decode(document);
  const paragraphs = paragraphsOf(text, config.longestParagraph);
  if (paragraphs.length === 0) {
    throw new TruecastError(`there is no text in ${document}`, 'give a document about the character');
  }
  const { seed, mergeSimilarity, queriesPerStatement, otherStatements, otherResponses } = config;
  const numbers = { seed, mergeSimilarity, queriesPerStatement, otherStatements, otherResponses };
  return {
    id,
    text,
    paragraphs,
    context: { name, prompts, settings: config.stages },
    pipeline: { character: id, paragraphs, ...numbers },
    specs: byStage((stage) => specOf(config, stage)),
  };
}

function specOf({ teacher, stages }: BuildDatasetConfig, stage: Stage): TeacherSpec {
  const { model } = stages[stage];
  return model === undefined || teacher.kind !== 'openai' ? teacher : { ...teacher, model };
}

function decode(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readBytes(path, 'document'));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TruecastError(`the document is no UTF-8 text: ${path}`, 'save it as plain text in UTF-8');
  }
}

/** Stages with the same spec share a teacher, and so its limits. */
async function openTeachers(
  specs: Readonly<Record<Stage, TeacherSpec>>,
  open: (spec: TeacherSpec) => Promise<Teacher>,
): Promise<Record<Stage, Teacher>> {
  const opened = new Map<string, Teacher>();
  for (const spec of Object.values(specs)) {
    const key = JSON.stringify(spec);
    if (!opened.has(key)) opened.set(key, await open(spec));
  }
  return byStage((stage) => opened.get(JSON.stringify(specs[stage]))!);
}

function byStage<T>(of: (stage: Stage) => T): Record<Stage, T> {
  return Object.fromEntries(STAGES.map((stage) => [stage, of(stage)])) as Record<Stage, T>;
}

/** A data set that no build made is somebody's work. */
function refuseForeign(out: string): void {
  if (!existsSync(join(out, 'split.json')) || existsSync(join(out, 'work'))) return;
  throw new TruecastError(`${out} holds a data set that was not built here`, 'choose another folder (--out)');
}

/** Runs the pipeline; with `wait`, again whenever other shards may have stored what it lacks. */
async function untilDone(
  store: AnswerStore,
  { wait, shard }: BuildDatasetOptions,
  run: () => Promise<Labelled>,
): Promise<Labelled> {
  for (;;) {
    store.refresh();
    const labelled = await run();
    if (labelled.waiting === undefined || !wait || shard === undefined) return labelled;
    await sleep(POLL_MS);
  }
}

function write(
  { document, out, name, language, config }: BuildDatasetOptions,
  { id, text, paragraphs, context, specs }: Job,
  teachers: Readonly<Record<Stage, Teacher>>,
  labelled: Labelled,
): LabelledData {
  if (labelled.statements.length === 0) {
    const reasons = Object.entries(tally(labelled)).map(([reason, count]) => `${count} ${reason}`);
    throw new TruecastError(
      `no statements came out of ${document}${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}`,
      'see whether the document is about the character and --name is how it calls them; --retry-failures asks again',
    );
  }
  const models = [...new Set(STAGES.map((stage) => modelOf(specs[stage])))];
  const about = `From ${basename(document)}, labelled by ${models.join(', ')}.`.replace(/\p{Cc}+/gu, ' ');
  const character = { id, name, language, about };
  const splitOptions = { seed: config.seed, ...config.split };
  const data = labelledData(character, labelled, splitOptions);
  const files = datasetFiles(character, data, labelled.failures, splitOptions);
  const source = { document, text, paragraphs: paragraphs.length };
  const identity = (stage: Stage) => teachers[stage].identity;
  const from = provenance(character, source, config, context.prompts, identity, labelled);
  mkdirSync(out, { recursive: true });
  writeFileAtomic(join(out, 'provenance.json'), `${JSON.stringify(from, null, 2)}\n`);
  writeFileAtomic(join(out, 'report.md'), reportText(character, labelled, data));
  for (const [file, bytes] of files) writeFileAtomic(join(out, file), bytes);
  return data;
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

function tally({ failures }: Labelled): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of failures) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
