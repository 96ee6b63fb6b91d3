import { type PairRow, pairsTable, readRows, readTable, writeTable } from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import { Problems } from '../support/problems.js';
import type { RunFolder } from '../training/runFolder.js';
import { PAIRS } from './minePairs.js';

/**
 * Reads ready-made pairs of a character.
 * @throws TruecastError with every pair that cannot be trained on
 */
export function readPairs(path: string, character: string): PairRow[] {
  const rows = readRows(path, pairsTable);
  if (rows.length === 0) throw new TruecastError(`no pairs in ${path}`, 'give a file that holds some');
  const problems = new Problems();
  rows.forEach((row, i) => {
    const place = `${path}: pair ${i + 1} (${row.queryId})`;
    for (const part of ['query', 'chosen', 'rejected'] as const) {
      if (row[part].trim() === '') problems.add(place, `${part} is empty`);
    }
    if (row.chosen === row.rejected) problems.add(place, 'chosen and rejected are the same');
    if (row.character !== character) problems.add(place, `is of ${row.character}, not of ${character}`);
  });
  problems.throwIfAny('pairs that cannot be trained on', 'mend these pairs, or leave them out', 20);
  return rows;
}

/** Keeps the pairs with the run, which goes on with no others. */
export function keepPairs(folder: RunFolder, rows: readonly PairRow[], from: string): void {
  if (!folder.has(PAIRS)) {
    writeTable(folder.file(PAIRS), pairsTable, rows);
  } else if (JSON.stringify(readTable(folder.file(PAIRS), pairsTable)) !== JSON.stringify(rows)) {
    throw new TruecastError(
      `${from} has changed since ${folder.path} was begun with it`,
      'give the run another name, or remove the folder to start anew',
    );
  }
}
