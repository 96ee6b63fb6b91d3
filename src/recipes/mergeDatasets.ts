import { checkDataSet } from '../data/check.js';
import { checkFree, dataSetFiles, readDataSet, writeFolders } from '../data/dataSet.js';
import { dataSetHashes } from '../data/hashes.js';
import { dataSetFolder } from '../data/load.js';
import { type Conflict, type ConflictRule, type Merged, mergeDataSets } from '../data/merge.js';
import { Problems } from '../support/problems.js';
import { VERSION } from '../support/version.js';

export interface MergeResult {
  folder: string;
  statements: number;
  queries: { train: number; heldOut: number };
  relevance?: number;
  nli?: number;
  dialogues?: number;
  duplicates: number;
  conflicts: Conflict[];
  renamed: Merged['renamed'];
}

/** Joins data sets of one character into a new folder; what they disagree on is in its `conflicts.jsonl`. */
export async function mergeDatasets(
  sources: readonly string[],
  out: string,
  rule: ConflictRule,
): Promise<MergeResult> {
  checkFree(out);
  const problems = new Problems();
  for (const source of sources) {
    // near-duplicates of shards are judged once they are together
    for (const problem of checkDataSet(dataSetFolder(source), 1).problems) problems.add(source, problem);
  }
  problems.throwIfAny('data sets that cannot be merged', 'mend them: truecast dataset validate', 20);
  const merged = mergeDataSets(
    sources.map((source) => ({ from: source, dataSet: readDataSet(source) })),
    rule,
  );
  const { dataSet, split, conflicts } = merged;
  if (rule === 'fail') refuse(conflicts);

  const parts = [];
  for (const path of sources) parts.push({ path, sha256: await dataSetHashes(dataSetFolder(path)) });
  const files = dataSetFiles(dataSet, {
    options: { split: 'of the merged data sets' },
    split,
    provenance: {
      format: 'truecast.provenance/1',
      made: 'merge',
      truecast: VERSION,
      sources: parts,
      conflictRule: rule,
      conflicts: conflicts.length,
      duplicates: merged.duplicates,
      renamed: merged.renamed,
    },
  });
  if (conflicts.length > 0) {
    const lines = conflicts.map((conflict) => `${JSON.stringify(conflict)}\n`);
    files.set('conflicts.jsonl', Buffer.from(lines.join('')));
  }
  writeFolders(new Map([[out, files]]));
  const { statements, relevance, nli, dialogues } = dataSet;
  return {
    folder: out,
    statements: statements.length,
    queries: { train: split.train.length, heldOut: split.heldOut.length },
    ...(relevance ? { relevance: relevance.length } : {}),
    ...(nli ? { nli: nli.length } : {}),
    ...(dialogues ? { dialogues: dialogues.length } : {}),
    duplicates: merged.duplicates,
    conflicts,
    renamed: merged.renamed,
  };
}

function refuse(conflicts: readonly Conflict[]): void {
  const problems = new Problems();
  for (const { what, query, first, firstFrom, second, secondFrom } of conflicts)
    problems.add(
      `${what} of ${JSON.stringify(query)}`,
      `${first} in ${firstFrom}, ${second} in ${secondFrom}`,
    );
  problems.throwIfAny(
    'the data sets contradict each other',
    '--conflicts drop leaves such rows out, --conflicts first takes those that come first',
    20,
  );
}
