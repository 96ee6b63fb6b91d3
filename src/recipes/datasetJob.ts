import { basename, resolve } from 'node:path';
import type { BuildDatasetConfig, TeacherSpec } from '../config/teacher.js';
import { identifier, languageTag, lineOfText } from '../data/characterFormat.js';
import { readDocument } from '../data/documents.js';
import { TruecastError, UsageError } from '../support/errors.js';
import type { DatasetCharacter } from '../teacher/dataset.js';
import { modelOf } from '../teacher/estimate.js';
import { paragraphsOf } from '../teacher/paragraphs.js';
import type { runPipeline } from '../teacher/pipeline.js';
import { loadPrompts } from '../teacher/prompts.js';
import type { StageContext } from '../teacher/stages/question.js';
import { STAGES, type Stage } from '../teacher/teacher.js';
import { byStage } from './teachers.js';

export interface DatasetSource {
  /** A text about the character, in any file that `readDocument` reads. */
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

/** A source, checked and read, with all that asking needs. */
export interface Job {
  character: DatasetCharacter;
  split: { seed: number } & BuildDatasetConfig['split'];
  text: string;
  /** What of the document was left out, for people. */
  notes: string[];
  paragraphs: string[];
  context: StageContext;
  pipeline: Parameters<typeof runPipeline>[2];
  specs: Record<Stage, TeacherSpec>;
}

/** @throws TruecastError where the document or a name cannot be used */
export function prepare({ document, name, language, out, id: given, config }: DatasetSource): Job {
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
  const { text, notes } = readDocument(document);
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
    notes,
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
