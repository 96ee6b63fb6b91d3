import type { Fields } from './fields.js';

/** A token that is cut out of a text before the model sees it, as tokenizer.json has it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Control tokens: never cut out of a text here. */
  readonly special: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalised text. */
  readonly normalized: boolean;
}

export function readAddedToken(fields: Fields): AddedToken {
  const special = fields.boolean('special', false);
  return {
    id: fields.count('id'),
    content: fields.string('content'),
    special,
    single_word: fields.boolean('single_word', false),
    lstrip: fields.boolean('lstrip', false),
    rstrip: fields.boolean('rstrip', false),
    normalized: fields.boolean('normalized', !special),
  };
}
