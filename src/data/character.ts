import { basename, extname } from 'node:path';
import { TruecastError } from '../support/errors.js';
import { readText } from '../support/files.js';
import { Problems } from '../support/problems.js';
import { checkShape, type LocatedYaml, parseYaml } from '../support/yaml.js';
import { checkAnnotations } from './annotations.js';
import { type AuthoredCharacter, CHARACTER_FORMAT, characterSchema } from './characterFormat.js';

/** Reads an authored character; see `parseCharacter`. */
export function readCharacter(path: string): AuthoredCharacter {
  return parseCharacter(readText(path, 'character'), path);
}

/**
 * Parses and checks an authored character. Throws one TruecastError with every problem of shape and of
 * annotation, each with its `file:line`.
 */
export function parseCharacter(text: string, file: string): AuthoredCharacter {
  return checkCharacter(parseYaml(text, file));
}

/** As `parseCharacter`, for a document that has been parsed. */
export function checkCharacter(yaml: LocatedYaml): AuthoredCharacter {
  const format = (yaml.value as { format?: unknown } | null)?.format;
  if (format !== CHARACTER_FORMAT) {
    throw new TruecastError(
      `${yaml.place(['format'])}: format is ${JSON.stringify(format) ?? 'missing'}, expected ${CHARACTER_FORMAT}`,
      `give a file that begins with "format: ${CHARACTER_FORMAT}"`,
    );
  }
  const problems = new Problems();
  checkShape(yaml, characterSchema, problems);
  const { id } = yaml.value as { id?: unknown };
  const name = basename(yaml.file, extname(yaml.file));
  if (typeof id === 'string' && id !== name) {
    problems.add(yaml.place(['id']), `id is ${id}, but the file is named ${name}`);
  }
  checkAnnotations(yaml, problems);
  problems.throwIfAny(
    `not a valid character: ${yaml.file}`,
    'mend these lines; datasets/README.md has the format',
  );
  return characterSchema.parse(yaml.value);
}
