import { existsSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { TruecastError } from '../support/errors.js';
import { readText } from '../support/files.js';
import { parseYaml } from '../support/yaml.js';
import { buildCharacter } from './build.js';
import { CARD_EXTENSIONS, cardId } from './cards/names.js';
import { readCardFile } from './cards/read.js';
import { cardStatements } from './cards/statements.js';
import { checkCharacter } from './character.js';
import { DATASETS_ROOT, listCharacters } from './location.js';
import { checkPersona, type Persona } from './persona.js';
import {
  type DialogueRow,
  dialoguesTable,
  type NliRow,
  nliTable,
  type QueryRow,
  queriesTable,
  type RelevanceRow,
  relevanceTable,
  type StatementRow,
  statementsTable,
} from './rows.js';
import type { TableSchema } from './schema.js';
import { type OptionalTable, readSplitFile } from './splitFile.js';
import { readTable } from './table.js';

/**
 * A character as the rest of truecast takes it. A plain persona has no training rows and maybe no queries; a data
 * set may be without the tables that its split file says it lacks.
 */
export interface LoadedCharacter {
  id: string;
  name: string;
  language: string;
  statements: StatementRow[];
  queries: QueryRow[];
  relevance?: RelevanceRow[];
  nli?: NliRow[];
  dialogues?: DialogueRow[];
}

/**
 * Loads a built data set (its folder, or its id under `root`), an authored character (.yaml, built in memory), a
 * plain persona (.yaml) or a character card (.png, .json, .charx), whose statements are found by rules. Throws a
 * TruecastError that says what is missing or wrong.
 */
export function loadCharacter(pathOrId: string, root = DATASETS_ROOT): LoadedCharacter {
  if (isYaml(pathOrId)) return loadYaml(pathOrId);
  if (CARD_EXTENSIONS.includes(extname(pathOrId).toLowerCase())) return loadCard(pathOrId);
  return loadFolder(dataSetFolder(pathOrId, root));
}

/** Whether a name is that of an authored character or plain persona. */
export function isYaml(path: string): boolean {
  return ['.yaml', '.yml'].includes(extname(path).toLowerCase());
}

/** The folder of a built data set: itself, or an id's under `root`. Throws as `loadCharacter` does. */
export function dataSetFolder(pathOrId: string, root = DATASETS_ROOT): string {
  for (const folder of [pathOrId, join(root, pathOrId)]) {
    if (existsSync(folder) && statSync(folder).isDirectory()) {
      if (existsSync(join(folder, 'split.json'))) return folder;
      throw new TruecastError(
        `no data set in ${folder}: it holds no split.json`,
        'name the folder of a built data set, a .yaml file or a character card',
      );
    }
  }
  const known = listCharacters(root);
  throw new TruecastError(
    `character not found: ${pathOrId}`,
    `name a .yaml file, a character card, a data set's folder, or one of: ${known.join(', ') || '(none is built)'}`,
  );
}

function loadFolder(folder: string): LoadedCharacter {
  const { character: who, lacks = [] } = readSplitFile(join(folder, 'split.json'));
  const { id, name, language } = who;
  const optional = <K extends OptionalTable, Row extends object>(table: K, schema: TableSchema<Row>) =>
    (lacks.includes(table) ? {} : { [table]: readTable(join(folder, `${table}.arrow`), schema) }) as {
      [Table in K]?: Row[];
    };
  const character = {
    id,
    name,
    language,
    statements: readTable(join(folder, 'statements.arrow'), statementsTable),
    queries: readTable(join(folder, 'queries.arrow'), queriesTable),
    ...optional('relevance', relevanceTable),
    ...optional('nli', nliTable),
    ...optional('dialogues', dialoguesTable),
  };
  if (character.statements.length === 0) {
    throw new TruecastError(`no statements in ${folder}`, 'build the data set again: truecast dataset build');
  }
  return character;
}

function loadYaml(path: string): LoadedCharacter {
  const yaml = parseYaml(readText(path, 'character'), path);
  const isAuthored = typeof yaml.value === 'object' && yaml.value !== null && 'format' in yaml.value;
  if (!isAuthored) return fromPersona(checkPersona(yaml));
  const character = checkCharacter(yaml);
  const { statements, queries, relevance, nli, dialogues } = buildCharacter(character);
  const { id, name, language } = character;
  return { id, name, language, statements, queries, relevance, nli, dialogues };
}

function loadCard(path: string): LoadedCharacter {
  const { name, language, statements, queries } = cardStatements(readCardFile(path).card, path);
  const texts = statements.map(({ text }) => text);
  return fromPersona({ id: cardId(path), name, language, statements: texts, queries });
}

function fromPersona({ id, name, language, statements, queries = [] }: Persona): LoadedCharacter {
  return {
    id,
    name,
    language,
    statements: statements.map((text, i) => ({ character: id, statementId: numbered('s', i), text })),
    queries: queries.map((text, i) => ({
      character: id,
      queryId: numbered('q', i),
      text,
      split: 'train',
      active: [],
      borderline: [],
    })),
  };
}

/** s01, s02, …, as authored files number them. */
function numbered(letter: string, index: number): string {
  return `${letter}${String(index + 1).padStart(2, '0')}`;
}
