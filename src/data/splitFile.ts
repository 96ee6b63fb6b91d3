import { z } from 'zod';
import { TruecastError } from '../support/errors.js';
import { readJson } from '../support/files.js';
import type { CharacterData } from './build.js';
import { type AuthoredCharacter, identifier, languageTag, lineOfText } from './characterFormat.js';
import { rowCounts } from './statistics.js';

const FORMAT = 'truecast.split/1';

/** The part of `split.json` that is read back: who the character is. The rest is a record for people. */
const splitFileSchema = z.looseObject({
  format: z.literal(FORMAT),
  character: z.object({ id: identifier, name: lineOfText, language: languageTag, about: lineOfText }),
});
export type SplitFile = z.infer<typeof splitFileSchema>;

/** The text of a data set's `split.json`: the options it was built with and what became of each query. */
export function splitFileText(
  character: Pick<AuthoredCharacter, 'id' | 'name' | 'language' | 'about'>,
  data: Pick<CharacterData, 'split' | 'relevance' | 'nli'>,
  options: object,
): string {
  const { id, name, language, about } = character;
  const { train, heldOut, dropped, targetsWithoutTraining } = data.split;
  const content = {
    format: FORMAT,
    character: { id, name, language, about },
    options,
    train,
    heldOut,
    dropped,
    targetsWithoutTraining,
    rows: rowCounts(data),
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
