import { z } from 'zod';
import { NLI_LABELS, RELEVANCE_LABELS } from '../../data/index.js';

/**
 * What each stage's answer is: small objects that endpoints can be held to by their JSON schema. Statements
 * of a paragraph may be none; everything else that is asked for must be there, and in the number asked for.
 */

const sentence = z
  .string()
  // half of a character, which JSON can write and UTF-8 cannot
  .refine((text) => !/\p{Surrogate}/u.test(text), { error: 'holds half a character', abort: true })
  .transform((text) => text.replace(/[\p{Cc}\s]+/gu, ' ').trim())
  .pipe(z.string().min(1, { error: 'is empty' }));

export const statementsAnswer = z.strictObject({ statements: z.array(sentence) });

export const queriesAnswer = (count: number) =>
  z.strictObject({ queries: z.array(sentence).min(count).max(count) });

/** Of the stages relevance and verification. */
export const relevanceAnswer = z.strictObject({ label: z.enum(RELEVANCE_LABELS) });

export const responsesAnswer = z.strictObject({
  entailed: sentence,
  neutral: sentence,
  contradicted: sentence,
});

export const nliAnswer = z.strictObject({ label: z.enum(NLI_LABELS) });

export type StatementsAnswer = z.infer<typeof statementsAnswer>;
export type QueriesAnswer = z.infer<ReturnType<typeof queriesAnswer>>;
export type RelevanceAnswer = z.infer<typeof relevanceAnswer>;
export type ResponsesAnswer = z.infer<typeof responsesAnswer>;
export type NliAnswer = z.infer<typeof nliAnswer>;

const jsonSchemas = new WeakMap<z.ZodType, Record<string, unknown>>();

/** The JSON schema that an answer is asked for with: of what is written, before it is tidied. */
export function answerJsonSchema(answer: z.ZodType): Record<string, unknown> {
  const made = jsonSchemas.get(answer);
  if (made !== undefined) return made;
  const { $schema: _, ...schema } = z.toJSONSchema(answer, { io: 'input' });
  jsonSchemas.set(answer, schema);
  return schema;
}
