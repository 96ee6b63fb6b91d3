import { TruecastError } from '../../support/errors.js';
import { readBounded } from '../encoding.js';
import { openCardFile } from './cardFile.js';
import { LIMITS } from './limits.js';
import { isWorldInfo, worldInfo } from './lorebook.js';
import { foundIn } from './read.js';
import { type CardPersona, cardStatements, loreStatements } from './statements.js';
import { names } from './wording.js';

/**
 * Statements of a card's file, or of a lorebook that stands alone (SillyTavern's world info, lorebook_v3).
 * @throws TruecastError where it is neither, or its language is not told
 */
export function readPersonaSource(path: string, language?: string): CardPersona {
  if (language !== undefined && !/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(language))
    throw new TruecastError(
      `${JSON.stringify(language)} is no language tag`,
      'give one such as en, zh or ja',
    );
  const file = openCardFile(readBounded(path, 'character card', LIMITS.file), path);
  const value = file.container === 'json' ? file.texts[0]!.json.value : undefined;
  if (isWorldInfo(value)) return loreStatements(worldInfo(value, path), path, language);
  return cardStatements(foundIn(file, path).found.card, path, language);
}

/** How many statements about the character itself do not say its name. */
export function unnamedStatements({ name, statements }: CardPersona): number {
  return statements.filter(({ text, source }) => source.lore === undefined && !names(text, name)).length;
}
