import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { BuildDatasetConfig } from '../config/teacher.js';
import { VERSION } from '../support/version.js';
import type { DatasetCharacter } from './dataset.js';
import type { Labelled } from './pipeline.js';
import type { Prompts } from './prompts.js';
import { STAGES, type Stage, type Teacher } from './teacher.js';

export const PROVENANCE_FORMAT = 'truecast.provenance/1';

export interface Source {
  /** The document's path; its name alone is written down. */
  document: string;
  text: string;
  paragraphs: number;
}

/** Where a data set is from: all that its bytes depend on, and no times. */
export function provenance(
  character: DatasetCharacter,
  source: Source,
  config: BuildDatasetConfig,
  prompts: Prompts,
  identity: (stage: Stage) => Teacher['identity'],
  labelled: Labelled,
  /** A second teacher, and what came of it. */
  second?: object,
  warnings: readonly string[] = [],
) {
  const { seed, mergeSimilarity, queriesPerStatement, otherStatements, otherResponses, split } = config;
  return {
    format: PROVENANCE_FORMAT,
    truecast: VERSION,
    ...(warnings.length > 0 ? { warnings } : {}),
    character,
    document: {
      name: basename(source.document),
      sha256: createHash('sha256').update(source.text).digest('hex'),
      characters: [...source.text].length,
      paragraphs: source.paragraphs,
    },
    seed,
    options: {
      longestParagraph: config.longestParagraph,
      mergeSimilarity,
      queriesPerStatement,
      otherStatements,
      otherResponses,
      split,
    },
    stages: Object.fromEntries(
      STAGES.map((stage) => {
        const { language, version, source } = prompts[stage];
        const { temperature, maxTokens } = config.stages[stage];
        const { questions = 0, answered = 0, failed = 0 } = labelled.counts[stage] ?? {};
        return [
          stage,
          {
            teacher: identity(stage),
            prompt: { language, version, source },
            temperature,
            maxTokens,
            questions,
            answered,
            failed,
          },
        ];
      }),
    ),
    ...(second === undefined ? {} : { secondTeacher: second }),
    ...(config.reviewShare > 0 ? { reviewShare: config.reviewShare } : {}),
    merged: labelled.merges,
  };
}
