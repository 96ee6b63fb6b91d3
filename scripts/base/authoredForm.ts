import { type AuthoredCharacter, CHARACTER_FORMAT } from '../../src/data/characterFormat.js';
import type { WorldCharacter } from './world/types.js';

/** A world character as an authored one, so that the data library makes its rows. */
export function authoredForm({ id, name, language, statements, queries }: WorldCharacter): AuthoredCharacter {
  const response = <R extends object>(r: R) => ({ ...r, unsure: [] as string[] });
  return {
    format: CHARACTER_FORMAT,
    id,
    name,
    language,
    about: name,
    statements: statements.map(({ id: statementId, text }) => ({ id: statementId, text })),
    queries: queries.map((query) => ({
      ...query,
      entailed: response(query.entailed),
      neutral: response(query.neutral),
      contradicted: response(query.contradicted),
    })),
  };
}
