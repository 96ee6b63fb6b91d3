import { z } from 'zod';
import { TruecastError } from '../support/errors.js';
import { readJson } from '../support/files.js';
import type { BuildOptions, CharacterData } from './build.js';
import { type AuthoredCharacter, identifier, languageTag, lineOfText } from './characterFormat.js';
import type { NliRow, RelevanceRow } from './rows.js';
import type { Split } from './split.js';
import { rowCounts } from './statistics.js';

const FORMAT = 'truecast.split/1';

/** Tables that a data set may be without, where its split file says so. */
export const OPTIONAL_TABLES = ['relevance', 'nli', 'dialogues'] as const;
export type OptionalTable = (typeof OPTIONAL_TABLES)[number];

/** The part of `split.json` that is read back: who the character is, and what is not there. The rest is a record for people. */
const splitFileSchema = z.looseObject({
  format: z.literal(FORMAT),
  character: z.object({ id: identifier, name: lineOfText, language: languageTag, about: lineOfText }),
  /** Tables that the data set's sources did not have. */
  lacks: z.array(z.enum(OPTIONAL_TABLES)).optional(),
});
export type SplitFile = z.infer<typeof splitFileSchema>;

/** The text of a data set's `split.json`: the options it was built with and what became of each query. */
export function splitFileText(
  character: AuthoredCharacter,
  data: CharacterData,
  options: BuildOptions,
): string {
  return splitRecordText({ character, lacks: [], options, ...data });
}

/** As `splitFileText`, for data from anywhere. */
export function splitRecordText(data: {
  character: SplitFile['character'];
  lacks: readonly OptionalTable[];
  options: object;
  split: Split;
  relevance?: readonly RelevanceRow[];
  nli?: readonly NliRow[];
}): string {
  const { id, name, language, about } = data.character;
  const { train, heldOut, dropped, targetsWithoutTraining } = data.split;
  const content = {
    format: FORMAT,
    character: { id, name, language, about },
    ...(data.lacks.length > 0 ? { lacks: data.lacks } : {}),
    options: data.options,
    train,
    heldOut,
    dropped,
    targetsWithoutTraining,
    rows: rowCounts({ relevance: data.relevance ?? [], nli: data.nli ?? [] }),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Reads who a data set is about. Throws a TruecastError if the file is missing or of another format. */
export function readSplitFile(path: string): SplitFile {
  const result = splitFileSchema.safeParse(readJson(path, 'split file'));
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new TruecastError(
    `not a ${FORMAT} file: ${path}\n  ${problems.join('\n  ')}`,
    'build the data set again: truecast dataset build',
  );
}
