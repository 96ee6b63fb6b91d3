import { checkFree, dataSetFiles, readDataSet, writeFolders } from '../data/dataSet.js';
import { dataSetHashes } from '../data/hashes.js';
import { dataSetFolder } from '../data/load.js';
import { splitDataSet } from '../data/resplit.js';
import type { DroppedQuery, SplitOptions } from '../data/split.js';
import { TruecastError } from '../support/errors.js';
import { VERSION } from '../support/version.js';

export interface SplitDatasetResult {
  folder: string;
  train: number;
  heldOut: number;
  dropped: DroppedQuery[];
  targetsWithoutTraining: string[];
}

/** A data set with another split, in a new folder: the old one keeps the queries that are dropped here. */
export async function splitDataset(
  source: string,
  out: string,
  options: SplitOptions,
): Promise<SplitDatasetResult> {
  checkFree(out);
  const before = readDataSet(source);
  const { dataSet, split } = splitDataSet(before, options);
  if (split.heldOut.length === 0) {
    throw new TruecastError(
      `${source} has ${before.queries.length} queries: none can be held out at a share of ${options.heldOutShare}`,
      'raise --held-out, or add queries',
    );
  }
  const provenance = {
    format: 'truecast.provenance/1',
    made: 'split',
    truecast: VERSION,
    sources: [{ path: source, sha256: await dataSetHashes(dataSetFolder(source)) }],
  };
  writeFolders(new Map([[out, dataSetFiles(dataSet, { options, split, provenance })]]));
  const { dropped, targetsWithoutTraining } = split;
  return {
    folder: out,
    train: split.train.length,
    heldOut: split.heldOut.length,
    dropped,
    targetsWithoutTraining,
  };
}
