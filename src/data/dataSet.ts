import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemError, TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { dataSetFolder, loadCharacter } from './load.js';
import { DATASETS_ROOT } from './location.js';
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
import type { Split } from './split.js';
import { OPTIONAL_TABLES, readSplitFile, type SplitFile, splitRecordText } from './splitFile.js';
import { tableBytes } from './table.js';

/** A character's data as a folder holds it. Tables that its sources did not have are absent. */
export interface DataSet {
  character: SplitFile['character'];
  statements: StatementRow[];
  queries: QueryRow[];
  relevance?: RelevanceRow[];
  nli?: NliRow[];
  dialogues?: DialogueRow[];
}

/** Reads a data set's folder, with all that its split file says of the character; throws as `loadCharacter` does. */
export function readDataSet(pathOrId: string, root = DATASETS_ROOT): DataSet {
  const folder = dataSetFolder(pathOrId, root);
  const { id, name, language, ...tables } = loadCharacter(folder);
  return { character: readSplitFile(join(folder, 'split.json')).character, ...tables };
}

export interface DataSetRecord {
  /** What decided on the split. */
  options: object;
  split: Split;
  /** Where the data came from: the content of provenance.json. */
  provenance: object;
}

/** The files of a data set's tables by name. */
export function tableFiles({
  statements,
  queries,
  relevance,
  nli,
  dialogues,
}: Omit<DataSet, 'character'>): Map<string, Uint8Array> {
  const files = new Map([
    ['statements.arrow', tableBytes(statementsTable, statements)],
    ['queries.arrow', tableBytes(queriesTable, queries)],
  ]);
  if (relevance) files.set('relevance.arrow', tableBytes(relevanceTable, relevance));
  if (nli) files.set('nli.arrow', tableBytes(nliTable, nli));
  if (dialogues) files.set('dialogues.arrow', tableBytes(dialoguesTable, dialogues));
  return files;
}

/** The files of a data set's folder by name. */
export function dataSetFiles(dataSet: DataSet, record: DataSetRecord): Map<string, Uint8Array> {
  const lacks = OPTIONAL_TABLES.filter((name) => dataSet[name] === undefined);
  const split = splitRecordText({ ...dataSet, lacks, options: record.options, split: record.split });
  return tableFiles(dataSet)
    .set('split.json', Buffer.from(split))
    .set('provenance.json', Buffer.from(`${JSON.stringify(record.provenance, null, 2)}\n`));
}

/** Throws a TruecastError where something stands in the place of a new folder. */
export function checkFree(folder: string): void {
  if (!existsSync(folder) || (statSync(folder).isDirectory() && readdirSync(folder).length === 0)) return;
  throw new TruecastError(`${folder} exists`, 'name another place, or remove it first');
}

/** Writes new folders, all of them or none: each appears whole, under its final name. */
export function writeFolders(folders: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>): void {
  for (const folder of folders.keys()) checkFree(folder);
  const waiting = new Map<string, string>();
  const done: string[] = [];
  try {
    for (const [folder, files] of folders) {
      const temporary = join(dirname(folder), `.${basename(folder)}.${randomBytes(4).toString('hex')}.tmp`);
      waiting.set(folder, temporary);
      mkdirSync(temporary, { recursive: true });
      for (const [name, bytes] of files) writeFileAtomic(join(temporary, name), bytes);
    }
    for (const [folder, temporary] of waiting) {
      if (existsSync(folder)) rmSync(folder, { recursive: true });
      renameSync(temporary, folder);
      done.push(folder);
    }
  } catch (error) {
    for (const path of [...waiting.values(), ...done]) rmSync(path, { recursive: true, force: true });
    throw systemError(error) ?? error;
  }
}
