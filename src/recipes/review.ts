import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  dialoguesTable,
  nliTable,
  queriesTable,
  readTable,
  relevanceTable,
  rowCounts,
  writeJsonl,
  writeTable,
} from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import { readJson, writeFileAtomic } from '../support/files.js';
import { applyReview, type Corrections } from '../teacher/review/apply.js';
import { type ReviewReport, reviewReport } from '../teacher/review/report.js';
import { nliReviewRow, type ReviewRow, relevanceReviewRow, reviewTable } from '../teacher/review/rows.js';
import { selectForReview } from '../teacher/review/select.js';
import { DECISIONS_FILE, REVIEW_FILE, readReview } from '../teacher/review/session.js';

/** What an applied review leaves in the corrected data set. */
const RECORD = 'reviewed.json';

/** Sets a share of a data set's labelled rows aside for a person, into its folder. Gives their number. */
export function setAside(folder: string, { share, seed }: { share: number; seed: number }): number {
  const path = join(folder, REVIEW_FILE);
  if (existsSync(path)) {
    throw new TruecastError(
      `rows are set aside already: ${path}`,
      'leave --share out to go on with them; to set others aside, move that file away',
    );
  }
  const rows = selectForReview(labelledRows(folder), share, seed);
  if (rows.length === 0)
    throw new TruecastError(`no rows to set aside in ${folder}`, 'give a larger --share');
  writeJsonl(path, reviewTable, rows);
  return rows.length;
}

function labelledRows(folder: string): ReviewRow[] {
  const [relevance, nli] = [join(folder, 'relevance.arrow'), join(folder, 'nli.arrow')];
  if (!existsSync(relevance) && !existsSync(nli)) {
    throw new TruecastError(
      `no data set in ${folder}: it holds neither relevance.arrow nor nli.arrow`,
      "name a data set's folder",
    );
  }
  return [
    ...(existsSync(relevance)
      ? readTable(relevance, relevanceTable).map((row) => relevanceReviewRow(row))
      : []),
    ...(existsSync(nli) ? readTable(nli, nliTable).map((row) => nliReviewRow(row)) : []),
  ];
}

/** What a person has found so far. */
export function reviewSoFar(folder: string): ReviewReport {
  return reviewReport(readReview(folder));
}

export interface AppliedReview extends Corrections {
  folder: string;
}

/**
 * Writes the data set once more with a person's labels, whole or not at all: into a folder that is not there
 * yet. What was found and changed is noted in its reviewed.json.
 */
export function applyReviewTo(folder: string, target: string): AppliedReview {
  if (existsSync(target)) {
    throw new TruecastError(`${target} is there already`, 'name a folder that is not there yet');
  }
  const state = readReview(folder);
  const report = reviewReport(state);
  if (report.labelled === 0) {
    throw new TruecastError(`nothing has been labelled in ${folder}`, `run truecast review ${folder} first`);
  }
  const { tables, corrections } = applyReview(
    {
      queries: readTable(join(folder, 'queries.arrow'), queriesTable),
      relevance: readTable(join(folder, 'relevance.arrow'), relevanceTable),
      nli: readTable(join(folder, 'nli.arrow'), nliTable),
      dialogues: readTable(join(folder, 'dialogues.arrow'), dialoguesTable),
    },
    state,
  );
  const temporary = `${target}.${process.pid}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  try {
    copyFiles(folder, temporary);
    writeTable(join(temporary, 'queries.arrow'), queriesTable, tables.queries);
    writeTable(join(temporary, 'relevance.arrow'), relevanceTable, tables.relevance);
    writeTable(join(temporary, 'nli.arrow'), nliTable, tables.nli);
    writeTable(join(temporary, 'dialogues.arrow'), dialoguesTable, tables.dialogues);
    const split = readJson(join(folder, 'split.json'), 'split file') as Record<string, unknown>;
    writeJson(join(temporary, 'split.json'), 'rows' in split ? { ...split, rows: rowCounts(tables) } : split);
    writeJson(join(temporary, RECORD), { corrections, report });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
  return { folder: target, ...corrections };
}

/** All files but those of the review: their rows are of the labels before. */
function copyFiles(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const own = entry.name === REVIEW_FILE || entry.name === DECISIONS_FILE;
    if (entry.isFile() && !own && !entry.name.endsWith('.tmp')) {
      copyFileSync(join(from, entry.name), join(to, entry.name));
    }
  }
}

function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}
