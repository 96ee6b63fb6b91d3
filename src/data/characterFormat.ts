import { z } from 'zod';

/** The authored format: datasets/README.md explains its keys and what an annotator asserts. */
export const CHARACTER_FORMAT = 'truecast.character/1';

/** One line of text: something in it, nothing around it. */
export const lineOfText = z
  .string()
  .refine((text) => text.trim() !== '', { error: 'is empty', abort: true })
  .refine((text) => text === text.trim(), { error: 'begins or ends with white space' })
  .refine((text) => !/[\p{Cc}\p{Surrogate}]/u.test(text), {
    error: 'holds a line break or control character',
  });

/** A BCP 47 tag such as en, zh or pt-BR. */
export const languageTag = z
  .string()
  .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, { error: 'is not a language tag such as en or zh' });

/** Ids name files, rows and command-line arguments. */
export const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, { error: 'is not an id: lower-case letters, digits and -, a letter first' });

/** The responses of a query, in the order they are written in. */
export const RESPONSE_KINDS = ['entailed', 'neutral', 'contradicted'] as const;

const reference = z.string();
const references = z.array(reference);

/** A response and what it says about the persona; a statement in none of the lists is neutral to it. */
export const responseSchema = z.strictObject({
  text: lineOfText,
  entails: references,
  contradicts: references,
  /** Careful readers could disagree: never made into a row. */
  unsure: references.default([]),
});
export type AuthoredResponse = z.infer<typeof responseSchema>;

export const statementSchema = z.strictObject({ id: identifier, text: lineOfText });
export type AuthoredStatement = z.infer<typeof statementSchema>;

export const querySchema = z.strictObject({
  id: identifier,
  text: lineOfText,
  /** Every statement a good answer includes; the first is the target. */
  active: references.min(1, { error: 'is empty: name the target statement first' }),
  borderline: references.default([]),
  entailed: responseSchema,
  neutral: responseSchema,
  contradicted: responseSchema,
});
export type AuthoredQuery = z.infer<typeof querySchema>;

export const characterSchema = z.strictObject({
  format: z.literal(CHARACTER_FORMAT),
  id: identifier,
  name: lineOfText,
  language: languageTag,
  about: lineOfText,
  statements: z.array(statementSchema).min(1, { error: 'is empty' }),
  queries: z.array(querySchema).min(1, { error: 'is empty' }),
});
export type AuthoredCharacter = z.infer<typeof characterSchema>;
