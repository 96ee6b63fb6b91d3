export { BUILD_OPTIONS, type BuildOptions, buildCharacter, type CharacterData } from './build.js';
export * from './cards/index.js';
export { parseCharacter, readCharacter } from './character.js';
export type {
  AuthoredCharacter,
  AuthoredQuery,
  AuthoredResponse,
  AuthoredStatement,
} from './characterFormat.js';
export { checkDataSet, type DataSetCheck } from './check.js';
export { type DataSet, readDataSet } from './dataSet.js';
export {
  buildDatasets,
  type DatasetsOptions,
  type DatasetsReport,
  type Difference,
  datasetStatistics,
  validateDatasets,
} from './datasets.js';
export { type DataSetStatistics, describeDataSet } from './describe.js';
export { type Provenance, readDocument, type TextDocument } from './documents.js';
export { EXPORT_SCHEMAS, type ExportSchema } from './export.js';
export type { Accuracy, GiveAway, TellingWord } from './giveaway.js';
export { readJsonl, readRows, writeJsonl } from './jsonl.js';
export { type LoadedCharacter, loadCharacter } from './load.js';
export { DATASETS_ROOT, listCharacters } from './location.js';
export { chunkEnds, resumableTable } from './resumable.js';
export * from './rows.js';
export { defineTable, oneOf, type RowOf, type TableSchema } from './schema.js';
export { jaccard, LexicalIndex, nearDuplicates, similarity } from './similarity.js';
export type { Split } from './split.js';
export { type CharacterStatistics, characterStatistics, rowCounts } from './statistics.js';
export { statisticsTable, tellingWordsTable } from './statisticsTable.js';
export { readTable, tableBytes, writeTable } from './table.js';
export { words } from './text.js';
