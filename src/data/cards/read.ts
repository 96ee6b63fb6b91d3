import { readBounded } from '../encoding.js';
import { type CharacterCard, cardOf } from './card.js';
import { type CardContainer, type CardFile, openCardFile } from './cardFile.js';
import { LIMITS } from './limits.js';

/** A card as it stands in a file. */
export interface FoundCard {
  card: CharacterCard;
  container: CardContainer;
  /** The chunk or entry that it is in; empty in a JSON file. */
  place: string;
  /** Other copies in the same file, for programs that know older versions. */
  others: { place: string; version: 1 | 2 | 3; name: string }[];
  files: CardFile['files'];
  /** What a reader should know: copies that differ, a version that is newer than what is known. */
  warnings: string[];
}

/**
 * The card in a file's bytes. Of several the highest version is taken, then the first; the others are told of.
 * @throws TruecastError where there is none, or any of them is damaged
 */
export function readCard(bytes: Buffer, path: string): FoundCard {
  return foundIn(openCardFile(bytes, path), path).found;
}

/** As `readCard`, of a file. */
export function readCardFile(path: string): FoundCard {
  return readCard(readBounded(path, 'character card', LIMITS.file), path);
}

/** The card that is read, and which of the file's texts it is. */
export function foundIn(
  file: CardFile,
  path: string,
): { found: FoundCard; chosen: number; cards: CharacterCard[] } {
  const where = (place: string) => (place === '' ? path : `${place} of ${path}`);
  const cards = file.texts.map(({ place, json }) => cardOf(json.value, where(place)));
  const best = Math.max(...cards.map(({ version }) => version));
  const chosen = cards.findIndex(({ version }) => version === best);
  const card = cards[chosen]!;
  const warnings: string[] = [];
  const others = cards.flatMap((other, i) => {
    if (i === chosen) return [];
    const { place } = file.texts[i]!;
    const differs = file.texts[i]!.json.text !== file.texts[chosen]!.json.text;
    if (other.version === best && differs)
      warnings.push(`${place} holds another card of version ${best}: the first is read`);
    return [{ place, version: other.version, name: other.name }];
  });
  const newer = Number.parseFloat(card.specVersion ?? '0') > card.version;
  if (newer) warnings.push(`its spec_version ${card.specVersion} is newer than what is known here`);
  const { container, files } = file;
  return {
    found: { card, container, place: file.texts[chosen]!.place, others, files, warnings },
    chosen,
    cards,
  };
}
