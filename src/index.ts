/** truecast as a library: what the commands do, and what they are made of. */

export { Agent, type AgentOptions, type Character, METHODS, type Method } from './agents/agent.js';
export { type PersonaTurn, personaMessages } from './agents/prompts.js';
export { type PreferencePair, preferencePairs } from './apc/pairs.js';
export { type Persona, Relevance } from './apc/relevance.js';
export {
  type ApcScore,
  ApcScorer,
  type LedgerEntry,
  type ScoredItem,
  type ScoredResponse,
} from './apc/score.js';
export { type BackendReport, probeBackends } from './backends/doctor.js';
export { type BackendName, currentBackend, selectBackend } from './backends/select.js';
export { loadConfig } from './config/load.js';
export * from './config/schema.js';
export * from './config/teacher.js';
export * from './data/index.js';
export { Discriminator } from './discriminators/discriminator.js';
export { type ClassifierReport, evaluateDiscriminator } from './discriminators/evaluate.js';
export type { DiscriminatorFormat, DiscriminatorInput, DiscriminatorTask } from './discriminators/format.js';
export { type DpoLossName, dpoLosses, dpoMetrics, type PairLogProbs } from './dpo/losses.js';
export { type Agreement, agreement } from './evaluation/agreement.js';
export { saveBnb4bit } from './models/bnb/save.js';
export { type ChatMessage, encodeChat } from './models/chatTemplate.js';
export { loadSequenceClassifier } from './models/classifiers.js';
export { loadGemma } from './models/decoders.js';
export type { EncodedBatch, SequenceClassifier } from './models/encoder.js';
export { type GenerateOptions, type Generation, generate } from './models/gemma/generate.js';
export { GemmaForCausalLM } from './models/gemma/model.js';
export { type BaseLinear, LoraAdapter } from './models/lora/adapter.js';
export type { AdaptedLayer, LoraConfig } from './models/lora/config.js';
export { loadAdapter, readAdapterConfig } from './models/lora/load.js';
export type { AdapterBase } from './models/lora/peftConfig.js';
export { TextStream } from './models/tokenizer/textStream.js';
export { Tokenizer } from './models/tokenizer.js';
export {
  type BuildDatasetOptions,
  type BuildDatasetResult,
  buildDataset,
  type DatasetSource,
  estimateDataset,
} from './recipes/buildDataset.js';
export { type ChatOptions, type ChatSession, openChat } from './recipes/chat.js';
export { type DemoOptions, type DemoResult, demo } from './recipes/demo.js';
export { type EvaluateResult, evaluate } from './recipes/evaluate.js';
export { type ExportOptions, type ExportResult, exportAdapter } from './recipes/export.js';
export { type ExportDatasetOptions, exportDataset } from './recipes/exportDataset.js';
export { type ImportOptions, type ImportResult, importDataset } from './recipes/importDataset.js';
export { type MergeResult, mergeDatasets } from './recipes/mergeDatasets.js';
export { download, type LocatedModel } from './recipes/models.js';
export { type AppliedReview, applyReviewTo, reviewSoFar, setAside } from './recipes/review.js';
export { type ScoreOptions, score } from './recipes/score.js';
export { type SplitDatasetResult, splitDataset } from './recipes/splitDataset.js';
export { type DiscriminatorResult, trainDiscriminator } from './recipes/trainDiscriminator.js';
export { type DpoResult, trainDpo } from './recipes/trainDpo.js';
export { type EuResult, trainEu } from './recipes/trainEu.js';
export { TruecastError, UsageError } from './support/errors.js';
export { type Progress, silent, terminalProgress } from './support/progress.js';
export { createTeacher, type TeacherContext } from './teacher/create.js';
export type { Estimate, StageEstimate } from './teacher/estimate.js';
export * from './teacher/teacher.js';
