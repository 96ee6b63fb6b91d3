import { z } from 'zod';
import { TruecastError } from '../../support/errors.js';
import { Problems } from '../../support/problems.js';
import { keyName } from '../../support/yaml.js';

/** Cards in the wild have null where they have nothing. Keys that are not named here are kept in `raw`. */
const text = z.string().nullish();
const texts = z.array(z.string()).nullish();
const number = z.number().nullish();
const flag = z.boolean().nullish();

export const entrySchema = z.looseObject({
  keys: texts,
  content: z.string(),
  enabled: flag,
  insertion_order: number,
  constant: flag,
  selective: flag,
  secondary_keys: z.union([z.array(z.string()), z.string()]).nullish(),
  use_regex: flag,
  name: text,
  comment: text,
  id: z.union([z.number(), z.string()]).nullish(),
  priority: number,
  position: z.unknown().optional(),
});

export const bookSchema = z.looseObject({
  name: text,
  description: text,
  entries: z.array(entrySchema),
});

const assetSchema = z.looseObject({
  type: z.string(),
  uri: z.string(),
  name: z.string(),
  ext: z.string(),
});

/** What V1 has at the top of its JSON, V2 and V3 below `data`. */
export const cardSchema = z.looseObject({
  name: z.string(),
  description: text,
  personality: text,
  scenario: text,
  first_mes: text,
  mes_example: text,
});

export const cardDataSchema = cardSchema.extend({
  nickname: text,
  creator_notes: text,
  system_prompt: text,
  post_history_instructions: text,
  alternate_greetings: texts,
  group_only_greetings: texts,
  tags: texts,
  creator: text,
  character_version: text,
  character_book: bookSchema.nullish(),
  assets: z.array(assetSchema).nullish(),
});
export type CardData = z.infer<typeof cardDataSchema>;

/** An entry of SillyTavern's world info. */
export const worldEntrySchema = z.looseObject({
  uid: z.union([z.number(), z.string()]).nullish(),
  key: texts,
  keysecondary: texts,
  content: z.string(),
  comment: text,
  constant: flag,
  selective: flag,
  order: number,
  disable: flag,
  position: z.unknown().optional(),
});

export const worldInfoSchema = z.looseObject({
  name: text,
  description: text,
  entries: z.union([z.array(worldEntrySchema), z.record(z.string(), worldEntrySchema)]),
});

/** The value, checked; one TruecastError that lists what is wrong with it, each with its key. */
export function checked<T extends z.ZodType>(
  schema: T,
  value: unknown,
  where: string,
  path: string[] = [],
): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = new Problems();
  for (const issue of result.error.issues) {
    problems.add(keyName([...path, ...issue.path]) || 'the whole', issue.message);
  }
  problems.throwIfAny(`not a valid card: ${where}`, 'export the card again, or mend these keys', 20);
  throw new TruecastError(`not a valid card: ${where}`, 'export the card again');
}
