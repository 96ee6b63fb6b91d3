import { UsageError } from '../../support/errors.js';
import { readBounded } from '../encoding.js';
import { CARD_KEYS, type CardField, type CharacterCard, cardOf, fieldsOf } from './card.js';
import { openCardFile } from './cardFile.js';
import type { JsonText } from './jsonText.js';
import { LIMITS } from './limits.js';
import { foundIn } from './read.js';

/** What is to be different in a card. */
export type CardChanges = { readonly [F in CardField]?: NonNullable<CharacterCard[F]> };

/**
 * The bytes of a card's file with some fields changed. Only the JSON values of fields that do change are
 * written anew, with the chunk or entry around them; all else keeps its bytes, and without a change the very
 * same bytes come back. Where the file holds a field several times (at the top of a V2 card, in the `chara` chunk
 * beside `ccv3`), copies that said the same are changed with it, and others are left alone.
 * @throws TruecastError where there is no card; UsageError where its version has no such field
 */
export function updateCard(bytes: Buffer, changes: CardChanges, path = 'the card'): Buffer {
  const file = openCardFile(bytes, path);
  const { chosen, cards } = foundIn(file, path);
  const before = cards[chosen]!;
  const wanted = Object.entries(changes) as [CardField, string | string[]][];
  for (const [field] of wanted) {
    if (!fieldsOf(before.version).includes(field))
      throw new UsageError(
        `${path} is a card of version ${before.version}, which has no ${field}`,
        `change one of ${fieldsOf(before.version).join(', ')}`,
      );
  }
  const texts = file.texts.map(({ json }, i) => {
    const card = cards[i]!;
    return wanted.reduce(
      (text, [field, value]) => changed(text, card, before, field, value, i === chosen),
      json,
    );
  });
  const after = file.with(texts);
  // what is written can be read
  for (const { value } of texts) cardOf(value, path);
  return after;
}

/** As `updateCard`, of a file, which stays as it is. */
export function updateCardFile(path: string, changes: CardChanges): Buffer {
  return updateCard(readBounded(path, 'character card', LIMITS.file), changes, path);
}

function changed(
  text: JsonText,
  card: CharacterCard,
  before: CharacterCard,
  field: CardField,
  value: string | string[],
  chosen: boolean,
): JsonText {
  const key = CARD_KEYS[field];
  const old = before[field] ?? '';
  if (same(value, old)) return text;
  const data = card.version === 1 ? [] : ['data'];
  const mirrored = fieldsOf(card.version).includes(field) && same(card[field] ?? '', old);
  let result = chosen || mirrored ? text.with([...data, key], value) : text;
  if (card.version !== 1 && key in card.raw && same(card.raw[key], old)) result = result.with([key], value);
  return result;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
