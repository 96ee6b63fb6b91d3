import { checkDataSet, type DataSetCheck } from '../data/check.js';
import { readDataSet } from '../data/dataSet.js';
import { type DataSetStatistics, describeDataSet } from '../data/describe.js';
import { BUILD_OPTIONS, readCharacter } from '../data/index.js';
import { dataSetFolder, isYaml } from '../data/load.js';
import { messageOf, TruecastError } from '../support/errors.js';

/** Statistics of data sets: folders, or ids of shipped ones. */
export function describeDatasets(names: readonly string[]): DataSetStatistics[] {
  return names.map((name) => describeDataSet(readDataSet(name), BUILD_OPTIONS.nearDuplicate));
}

/** Checks data sets (folders, ids) and annotated characters (.yaml); what is wrong is returned, not thrown. */
export function checkDatasets(
  names: readonly string[],
  nearDuplicate: number = BUILD_OPTIONS.nearDuplicate,
): DataSetCheck[] {
  return names.map((name) => {
    if (!isYaml(name)) return checkDataSet(dataSetFolder(name), nearDuplicate);
    try {
      readCharacter(name);
      return { folder: name, problems: [], warnings: [] };
    } catch (error) {
      if (!(error instanceof TruecastError)) throw error;
      return { folder: name, problems: [messageOf(error)], warnings: [] };
    }
  });
}
