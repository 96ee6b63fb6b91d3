import { defineTable, oneOf, type RowOf } from './schema.js';

/** The split is by query: all rows of a query are on the same side. */
export const SPLITS = ['train', 'held-out'] as const;
export type SplitName = (typeof SPLITS)[number];

/** Label ids are positions in these lists: the order of the discriminators' output heads. */
export const RELEVANCE_LABELS = ['no', 'yes'] as const;
export const NLI_LABELS = ['contradicted', 'neutral', 'entailed'] as const;
export type NliLabel = (typeof NLI_LABELS)[number];

/** One fact about the character per row: the persona S of the APC score. */
export const statementsTable = defineTable('truecast.statements/1', {
  character: 'utf8',
  statementId: 'utf8',
  text: 'utf8',
});
export type StatementRow = RowOf<typeof statementsTable>;

/** One utterance to the character per row; `active` and `borderline` are statement ids. */
export const queriesTable = defineTable('truecast.queries/1', {
  character: 'utf8',
  queryId: 'utf8',
  text: 'utf8',
  split: oneOf('utf8', ...SPLITS),
  active: 'utf8[]',
  borderline: 'utf8[]',
});
export type QueryRow = RowOf<typeof queriesTable>;

/**
 * Training rows of the relevance discriminator. `origin`: active (all the yes rows), hard (lexically close
 * to the query) or random.
 */
export const relevanceTable = defineTable('truecast.relevance/1', {
  character: 'utf8',
  name: 'utf8',
  language: 'utf8',
  statementId: 'utf8',
  queryId: 'utf8',
  statement: 'utf8',
  query: 'utf8',
  label: oneOf('int8', 0, 1),
  split: oneOf('utf8', ...SPLITS),
  origin: oneOf('utf8', 'active', 'hard', 'random'),
});
export type RelevanceRow = RowOf<typeof relevanceTable>;

/**
 * Training rows of the NLI discriminator. `origin`: target (the statement the query was written for),
 * listed (another statement that the annotator listed), cross (a statement the annotator left unlisted).
 */
export const nliTable = defineTable('truecast.nli/1', {
  character: 'utf8',
  name: 'utf8',
  language: 'utf8',
  statementId: 'utf8',
  queryId: 'utf8',
  statement: 'utf8',
  query: 'utf8',
  response: 'utf8',
  label: oneOf('int8', 0, 1, 2),
  split: oneOf('utf8', ...SPLITS),
  origin: oneOf('utf8', 'target', 'listed', 'cross'),
});
export type NliRow = RowOf<typeof nliTable>;

/** A query and its entailed response: what supervised fine-tuning imitates. */
export const dialoguesTable = defineTable('truecast.dialogues/1', {
  character: 'utf8',
  name: 'utf8',
  language: 'utf8',
  queryId: 'utf8',
  query: 'utf8',
  response: 'utf8',
  split: oneOf('utf8', ...SPLITS),
});
export type DialogueRow = RowOf<typeof dialoguesTable>;

/** A preference for DPO. The scores are APC scores, null for pairs that were not made by scoring. */
export const pairsTable = defineTable('truecast.pairs/1', {
  character: 'utf8',
  queryId: 'utf8',
  query: 'utf8',
  chosen: 'utf8',
  rejected: 'utf8',
  chosenScore: 'float64?',
  rejectedScore: 'float64?',
});
export type PairRow = RowOf<typeof pairsTable>;

/** What `truecast score` reads; `character` may be left out where the command names one. */
export const responsesTable = defineTable('truecast.responses/1', {
  character: 'utf8?',
  query: 'utf8',
  response: 'utf8',
});
export type ResponseRow = RowOf<typeof responsesTable>;

/** Sampled responses with what the reward says of them. */
export const scoresTable = defineTable('truecast.scores/1', {
  query: 'utf8',
  response: 'utf8',
  apc: 'float64',
  delta: 'float64',
  violations: 'int32',
});
export type ScoreRow = RowOf<typeof scoresTable>;
