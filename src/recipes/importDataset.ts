import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkFree, dataSetFiles, writeFolders } from '../data/dataSet.js';
import { type Assembled, assemble } from '../data/import/assemble.js';
import type { Duplicate, Gathered } from '../data/import/gather.js';
import { identityProblem, idOf, languageOf } from '../data/import/identity.js';
import { type BadRow, type ReadOptions, readSources, type SourceReport } from '../data/import/read.js';
import { findSources } from '../data/import/sources.js';
import type { SplitOptions } from '../data/split.js';
import { OPTIONAL_TABLES } from '../data/splitFile.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { Problems } from '../support/problems.js';
import { VERSION } from '../support/version.js';

export interface ImportOptions extends ReadOptions {
  /** Files, and folders of files. */
  sources: readonly string[];
  /** Gets a folder per character. */
  out: string;
  /** The id of the one character, instead of one made from its name. */
  id?: string | undefined;
  /** The language of rows that name none; by their script if absent. */
  language?: string | undefined;
  /** Leaves bad rows out, and writes them to `skipped.jsonl`. */
  skipBad: boolean;
  /** How queries are split where the sources don't. */
  split: SplitOptions;
}

export interface ImportedCharacter {
  id: string;
  name: string;
  language: string;
  folder: string;
  statements: number;
  queries: { train: number; heldOut: number; dropped: number };
  relevance?: number;
  nli?: number;
  dialogues?: number;
  /** Tables that no source had rows for. */
  lacks: string[];
  split: 'of the sources' | 'by query';
}

export interface ImportResult {
  characters: ImportedCharacter[];
  sources: SourceReport[];
  bad: number;
  /** Where the bad rows are, with the reason for each. */
  skipped?: string;
  duplicates: Duplicate[];
  /** Rows of other characters than the one that was wanted. */
  passedOver: number;
}

/** Makes data set folders of table files: one for each character, or none where anything is wrong. */
export async function importDataset(options: ImportOptions): Promise<ImportResult> {
  const skipped = join(options.out, 'skipped.jsonl');
  if (options.skipBad && existsSync(skipped)) checkFree(skipped);
  const { gatherer, sources, bad } = await readSources(findSources(options.sources), options);
  if (bad.length > 0 && !options.skipBad) refuseBad(bad, sources);
  refuseLeaks(gatherer.leaks);
  const characters = [...gatherer.characters.values()];
  if (characters.length === 0) refuseNothing(options, bad, gatherer.passedOver);

  const problems = new Problems();
  const built = identities(characters, options, problems).map(({ gathered, identity }) =>
    assemble(gathered, identity, options.split, (place, what) => problems.add(place, what)),
  );
  problems.throwIfAny('the rows make no data set', 'mend the sources', 20);

  const folders = built.map(({ dataSet }) => join(options.out, dataSet.character.id));
  const provenance = {
    format: 'truecast.provenance/1',
    made: 'import',
    truecast: VERSION,
    sources,
    bad: bad.length,
    duplicates: gatherer.duplicates.length,
  };
  writeFolders(
    new Map(
      built.map(({ dataSet, split, kept }, i) => [
        folders[i]!,
        dataSetFiles(dataSet, {
          options: kept ? { split: 'of the sources' } : options.split,
          split,
          provenance: { ...provenance, character: characters[i]!.key },
        }),
      ]),
    ),
  );
  if (bad.length > 0) writeFileAtomic(skipped, bad.map((row) => `${jsonOf(row)}\n`).join(''));
  return {
    characters: built.map((character, i) => summary(character, folders[i]!)),
    sources,
    bad: bad.length,
    ...(bad.length > 0 ? { skipped } : {}),
    duplicates: gatherer.duplicates,
    passedOver: gatherer.passedOver,
  };
}

function identities(
  characters: readonly Gathered[],
  { id: given, language: fallback, sources }: ImportOptions,
  problems: Problems,
) {
  if (given !== undefined && characters.length > 1) {
    throw new TruecastError(
      `--id ${given}, but there are ${characters.length} characters: ${names(characters)}`,
      'choose one with --character',
    );
  }
  const taken = new Map<string, string>();
  return characters.map((gathered) => {
    const name = gathered.name ?? gathered.key;
    const id = given ?? idOf(gathered.key);
    const language = gathered.language ?? fallback ?? languageOf(gathered);
    const wrong = identityProblem(name, language);
    if (wrong !== undefined) problems.add(gathered.key, wrong);
    if (gathered.statements.entries.length === 0)
      problems.add(gathered.key, 'has no statements: name a file that has them, too');
    if (taken.has(id))
      problems.add(
        gathered.key,
        `gets the id ${id}, as ${taken.get(id)} does: import them one by one, with --id`,
      );
    taken.set(id, gathered.key);
    return { gathered, identity: { id, name, language, about: `Imported from ${sources.join(', ')}.` } };
  });
}

function summary({ dataSet, split, kept }: Assembled, folder: string): ImportedCharacter {
  const { character, statements, relevance, nli, dialogues } = dataSet;
  const { id, name, language } = character;
  return {
    id,
    name,
    language,
    folder,
    statements: statements.length,
    queries: { train: split.train.length, heldOut: split.heldOut.length, dropped: split.dropped.length },
    ...(relevance ? { relevance: relevance.length } : {}),
    ...(nli ? { nli: nli.length } : {}),
    ...(dialogues ? { dialogues: dialogues.length } : {}),
    lacks: OPTIONAL_TABLES.filter((table) => dataSet[table] === undefined),
    split: kept ? 'of the sources' : 'by query',
  };
}

function refuseBad(bad: readonly BadRow[], sources: readonly SourceReport[]): void {
  const rows = sources.reduce((sum, source) => sum + source.rows, 0);
  const problems = new Problems();
  for (const { place, reason } of bad) problems.add(place, reason);
  problems.throwIfAny(
    `${bad.length} of ${rows} rows cannot be imported`,
    'mend them, or name columns and labels (--columns, --labels); --skip-bad leaves them out and lists them in a file',
    20,
  );
}

function refuseLeaks(leaks: readonly Duplicate[]): void {
  const problems = new Problems();
  for (const { place, of } of leaks)
    problems.add(place, `the query is on the other side of the split at ${of}`);
  problems.throwIfAny(
    'the sources have queries in training and held out',
    '--resplit splits by query instead',
    5,
  );
}

function refuseNothing(
  { character, sources }: ImportOptions,
  bad: readonly BadRow[],
  passedOver: number,
): never {
  if (passedOver > 0) {
    throw new TruecastError(
      `no rows of ${character} in ${sources.join(', ')}: ${passedOver} of others`,
      'give the name as the file writes it',
    );
  }
  const why =
    bad.length > 0 ? `: all ${bad.length} are bad; the first: ${bad[0]!.place}: ${bad[0]!.reason}` : '';
  throw new TruecastError(
    `no usable rows in ${sources.join(', ')}${why}`,
    'give a file with rows that name statements',
  );
}

function names(characters: readonly Gathered[]): string {
  const shown = characters.slice(0, 12).map(({ key }) => key);
  return `${shown.join(', ')}${characters.length > shown.length ? ', …' : ''}`;
}

/** As JSON; integers of 64 bits and bytes, which Parquet files have, as text. */
function jsonOf(row: BadRow): string {
  return JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'bigint'
      ? String(value)
      : value instanceof Uint8Array
        ? Buffer.from(value).toString('base64')
        : value,
  );
}
