import { basename, extname } from 'node:path';
import { z } from 'zod';
import { TruecastError } from '../support/errors.js';
import { Problems } from '../support/problems.js';
import { checkShape, type LocatedYaml } from '../support/yaml.js';
import { identifier, languageTag, lineOfText } from './characterFormat.js';
import { normalise } from './text.js';

/** What a user writes to role-play or score a character of their own: no ids, no annotation. */
export const personaSchema = z.strictObject({
  name: lineOfText,
  language: languageTag,
  statements: z.array(lineOfText).min(1, { error: 'is empty: list at least one fact' }),
  queries: z
    .array(lineOfText)
    .min(1, { error: 'is empty: list at least one query, or leave the key out' })
    .optional(),
});

export interface Persona extends z.infer<typeof personaSchema> {
  /** The file's name, in lower case. */
  id: string;
}

const ID_RULE = 'the file name becomes the id: use letters, digits and -, a letter first';

function idOf(path: string): string | undefined {
  const id = basename(path, extname(path)).toLowerCase();
  return identifier.safeParse(id).success ? id : undefined;
}

/** The id that a persona's file name makes. @throws TruecastError where it makes none */
export function personaId(path: string): string {
  const id = idOf(path);
  if (id === undefined) throw new TruecastError(`${path}: ${ID_RULE}`, 'choose another file name');
  return id;
}

/** Checks a plain persona. Throws one TruecastError with every problem and its `file:line`. */
export function checkPersona(yaml: LocatedYaml): Persona {
  const problems = new Problems();
  checkShape(yaml, personaSchema, problems);
  const id = idOf(yaml.file);
  if (id === undefined) problems.add(yaml.file, ID_RULE);
  const document = (yaml.value ?? {}) as Record<string, unknown>;
  for (const key of ['statements', 'queries']) {
    const seen = new Map<string, number>();
    const items = Array.isArray(document[key]) ? (document[key] as unknown[]) : [];
    items.forEach((text, i) => {
      if (typeof text !== 'string' || text.trim() === '') return;
      const before = seen.get(normalise(text));
      if (before === undefined) seen.set(normalise(text), i);
      else problems.add(yaml.place([key, i]), `${key}[${i}]: repeats ${key}[${before}]`);
    });
  }
  problems.throwIfAny(
    `not a valid persona: ${yaml.file}`,
    'give name, language, statements as a list of sentences, and perhaps queries as a list of sentences ' +
      '(an annotated character begins with "format: truecast.character/1")',
  );
  return { id: id!, ...personaSchema.parse(yaml.value) };
}
