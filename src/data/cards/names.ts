import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';

/** Files that are taken for cards; what a file is, its bytes say in the end. */
export const CARD_EXTENSIONS: readonly string[] = ['.png', '.apng', '.json', '.charx'];

/**
 * The id of a card's character: its file's name in lower-case letters, digits and -. Names without Latin letters
 * get a number made of them.
 */
export function cardId(path: string): string {
  const name = basename(path, extname(path));
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+|-$/g, '');
  if (slug !== '') return slug;
  return `card-${createHash('sha256').update(name.normalize('NFC')).digest('hex').slice(0, 8)}`;
}
