import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildDatasetConfig, Prices, TeacherSpec } from '../config/teacher.js';
import { identifier, languageTag, lineOfText } from '../data/characterFormat.js';
import { writeJsonl, writeTable } from '../data/index.js';
import { TruecastError, UsageError } from '../support/errors.js';
import { readBytes, writeFileAtomic } from '../support/files.js';
import { Asker } from '../teacher/asker.js';
import { type DatasetCharacter, datasetFiles, type LabelledData, labelledData } from '../teacher/dataset.js';
import { type Estimate, estimate, modelOf } from '../teacher/estimate.js';
import { mayBeRetried } from '../teacher/failures.js';
import { paragraphsOf } from '../teacher/paragraphs.js';
import { type Labelled, runPipeline, type StageCount } from '../teacher/pipeline.js';
import { loadPrompts } from '../teacher/prompts.js';
import { provenance } from '../teacher/provenance.js';
import { reportText } from '../teacher/report.js';
import type { StageContext } from '../teacher/stages/question.js';
import { reviewTable } from '../teacher/review/rows.js';
import { toReview } from '../teacher/review/select.js';
import { REVIEW_FILE } from '../teacher/review/session.js';
import { askSecond, type SecondLabels, type SecondResult, withSecond } from '../teacher/secondPass.js';
import { type SecondSummary, secondReport, secondSummary } from '../teacher/secondReport.js';
import { AnswerStore, type Shard } from '../teacher/store.js';
import { STAGES, type Stage, type Teacher } from '../teacher/teacher.js';
import { TEMPLATE_WARNING } from '../teacher/template/template.js';
import type { RecipeContext } from './begin.js';
import { byStage, type Environment, openTeachers, teacherOpener } from './teachers.js';

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
  refuseForeign(out);
  const work = join(out, 'work');
  const store = await AnswerStore.open(work, shard);
  const teachers = await openAll(job, config, work, environment, { progress }).catch(async (error) => {
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
    const made = shard === undefined ? write(options, job, teachers, labelled, labels) : undefined;
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
  const teachers = await openAll(job, source.config, folder, environment, { progress });
  try {
    const { second, ...known } = await whatIsKnown(store, job, teachers, source.config.tries);
    return estimate(job.paragraphs, job.context, source.config, job.specs, known, prices, second);
  } finally {
    closeAll(teachers);
  }
}

interface Teachers {
  first: Record<Stage, Teacher>;
  second?: Record<Stage, Teacher>;
}

async function openAll(
  { specs }: Job,
  { secondTeacher }: BuildDatasetConfig,
  folder: string,
  environment: Environment,
  context: RecipeContext,
): Promise<Teachers> {
  const second = secondTeacher && byStage(() => secondTeacher.teacher);
  const all = [...Object.values(specs), ...(secondTeacher ? [secondTeacher.teacher] : [])];
  const open = await teacherOpener(all, folder, environment, context);
  const first = await openTeachers(specs, open);
  return second ? { first, second: await openTeachers(second, open) } : { first };
}

function closeAll({ first, second }: Teachers): void {
  for (const teacher of new Set([...Object.values(first), ...Object.values(second ?? {})])) teacher.close();
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

interface Job {
  character: DatasetCharacter;
  split: { seed: number } & BuildDatasetConfig['split'];
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
  const specs = byStage((stage) => specOf(config, stage));
  const models = [...new Set(STAGES.map((stage) => modelOf(specs[stage])))];
  const about = `From ${basename(document)}, labelled by ${models.join(', ')}.`.replace(/\p{Cc}+/gu, ' ');
  return {
    character: { id, name, language, about },
    split: { seed, ...config.split },
    text,
    paragraphs,
    context: { name, prompts, settings: config.stages },
    pipeline: { character: id, paragraphs, ...numbers },
    specs,
  };
}

function specOf({ teacher, stages }: BuildDatasetConfig, stage: Stage): TeacherSpec {
  const { model } = stages[stage];
  return model === null || teacher.kind !== 'openai' ? teacher : { ...teacher, model };
}

function decode(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readBytes(path, 'document'));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TruecastError(`the document is no UTF-8 text: ${path}`, 'save it as plain text in UTF-8');
  }
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

interface Made {
  data: LabelledData;
  second?: SecondResult;
  toReview: number;
}

function write(
  { document, out, config }: BuildDatasetOptions,
  { character, split, text, paragraphs, context, specs }: Job,
  teachers: Teachers,
  labelled: Labelled,
  labels: SecondLabels | undefined,
): Made {
  if (labelled.statements.length === 0) {
    const reasons = Object.entries(tally(labelled)).map(([reason, count]) => `${count} ${reason}`);
    throw new TruecastError(
      `no statements came out of ${document}${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}`,
      'see whether the document is about the character and --name is how it calls them; --retry-failures asks again',
    );
  }
  const { seed, reviewShare, secondTeacher } = config;
  const first = labelledData(character, labelled, split);
  const { data, second } =
    labels && secondTeacher
      ? withSecond(first, labels, secondTeacher.disagreements, seed)
      : { data: first, second: undefined };
  const files = datasetFiles(character, data, labelled.failures, split);
  const review = toReview(data, second, { share: reviewShare, seed });

  const byRules = [...Object.values(specs), secondTeacher?.teacher].some((spec) => spec?.kind === 'template');
  const warnings = byRules ? [TEMPLATE_WARNING] : [];
  const secondFrom = second && {
    teacher: teachers.second!.nli.identity,
    policy: second.policy,
    ...secondSummary(second),
  };
  const from = provenance(
    character,
    { document, text, paragraphs: paragraphs.length },
    config,
    context.prompts,
    (stage) => teachers.first[stage].identity,
    labelled,
    secondFrom,
    warnings,
  );
  const sections = [
    ...warnings.map((warning) => `**Warning**: ${warning}.`),
    ...(second && secondTeacher ? [secondReport(second, modelOf(secondTeacher.teacher))] : []),
    ...(review.length > 0 ? [`${review.length} rows are set aside for \`truecast review\`.`] : []),
  ];
  mkdirSync(out, { recursive: true });
  dropHalfWritten(out);
  writeFileAtomic(join(out, 'provenance.json'), `${JSON.stringify(from, null, 2)}\n`);
  writeFileAtomic(join(out, 'report.md'), reportText(character, labelled, data, sections));
  if (second) writeTable(join(out, 'disagreements.arrow'), reviewTable, second.disagreements);
  if (review.length > 0) writeJsonl(join(out, REVIEW_FILE), reviewTable, review);
  for (const [file, bytes] of files) writeFileAtomic(join(out, file), bytes);
  return { data, toReview: review.length, ...(second ? { second } : {}) };
}

/** What a killed build leaves: files that did not get their names yet. */
function dropHalfWritten(out: string): void {
  for (const name of readdirSync(out)) {
    if (/^[a-z]+\.(?:arrow|jsonl?|md)\.[0-9a-f]{8}\.tmp$/.test(name)) rmSync(join(out, name));
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

function tally({ failures }: Labelled): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of failures) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

function sum(one: Asker['spent'], other: Asker['spent'] | undefined): Asker['spent'] {
  return {
    questions: one.questions + (other?.questions ?? 0),
    promptTokens: one.promptTokens + (other?.promptTokens ?? 0),
    completionTokens: one.completionTokens + (other?.completionTokens ?? 0),
  };
}
