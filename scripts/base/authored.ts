import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readText } from '../../src/support/files.js';

export interface AuthoredTexts {
  id: string;
  language: string;
  texts: string[];
}

/** Where the authored characters lie, from the root of the repository. */
export const authoredFolder = 'datasets/characters';

/**
 * Every text of the authored characters, in the order of the files. Tokenizers need no more than that, so the
 * files are read as they are; who uses them as data reads them through the library, which checks them.
 */
export function readAuthored(folder = authoredFolder): AuthoredTexts[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const character = parse(readText(join(folder, file), 'character')) as AuthoredFile;
      const texts = [character.name, character.about];
      for (const statement of character.statements) texts.push(statement.text);
      for (const query of character.queries) {
        texts.push(query.text, query.entailed.text, query.neutral.text, query.contradicted.text);
      }
      return { id: character.id, language: character.language, texts };
    });
}

interface AuthoredFile {
  id: string;
  name: string;
  language: string;
  about: string;
  statements: { text: string }[];
  queries: Record<'entailed' | 'neutral' | 'contradicted', { text: string }>[] & { text: string }[];
}
