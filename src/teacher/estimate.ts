import type { BuildDatasetConfig, Prices, TeacherSpec } from '../config/teacher.js';
import type { Question } from './asker.js';
import type { Labelled } from './pipeline.js';
import { SECOND_STAGES, type SecondLabels } from './secondPass.js';
import { nliQuestion } from './stages/nli.js';
import { queriesQuestion } from './stages/queries.js';
import type { StageContext } from './stages/question.js';
import { relevanceQuestion } from './stages/relevance.js';
import { responsesQuestion } from './stages/responses.js';
import { statementsQuestion } from './stages/statements.js';
import { verificationQuestion } from './stages/verification.js';
import { STAGES, type Stage } from './teacher.js';
import { estimatePrompt, estimateTokens } from './tokens.js';

/** Tokens of prose that hold one statement: the published personas have 106 to 175 characters for each. */
const PROSE_PER_STATEMENT = 33;
/** Tokens of a statement, a query, a response, and of an answer's JSON around them. */
const STATEMENT = 16;
const QUERY = 14;
const RESPONSE = 24;
const JSON_AROUND = 8;

export interface StageEstimate {
  stage: Stage;
  model: string;
  /** All of the stage's; exact where the earlier stages are answered. */
  questions: number;
  /** Of these, without an answer in the store. */
  toAsk: number;
  promptTokens: number;
  completionTokens: number;
  /** In the price table's currency; null where it has no price of the model. */
  cost: number | null;
}

export interface Estimate {
  stages: StageEstimate[];
  toAsk: number;
  promptTokens: number;
  completionTokens: number;
  /** Null where the price of a model is not known. */
  cost: number | null;
  currency: string;
  /** When the prices were looked up. */
  asOf: string;
  unpriced: string[];
}

export function modelOf(spec: TeacherSpec): string {
  return spec.kind === 'template' ? 'template' : spec.model;
}

/**
 * How many questions are still to be asked, their tokens and what these cost; nobody is asked. `known` is
 * what the stored answers come to: it is counted, the rest extrapolated from the document's length. `second`
 * is what a second teacher has said of all rows, where they are there; its stages follow the first one's.
 */
export function estimate(
  paragraphs: readonly string[],
  context: StageContext,
  config: BuildDatasetConfig,
  specs: Readonly<Record<Stage, TeacherSpec>>,
  known: Labelled,
  prices: Prices,
  second?: SecondLabels,
): Estimate {
  const { queriesPerStatement, otherStatements, otherResponses } = config;
  const prose = paragraphs.reduce((sum, text) => sum + estimateTokens(text), 0);
  const guessed = Math.max(paragraphs.length, Math.round(prose / PROSE_PER_STATEMENT));
  const statements = known.counts.statements?.open === 0 ? known.statements.length : guessed;
  const pairs = statements * queriesPerStatement;
  const questions: Record<Stage, number> = {
    statements: paragraphs.length,
    queries: statements,
    verification: pairs,
    relevance: statements * Math.min(otherStatements, Math.max(0, statements - 1)),
    responses: pairs,
    nli: pairs * (3 + otherResponses),
  };

  const [statement, query, response] = [STATEMENT, QUERY, RESPONSE].map((n) => 'word'.repeat(n)) as [
    string,
    string,
    string,
  ];
  const samples: Record<Stage, Question[]> = {
    statements: paragraphs.map((paragraph) => statementsQuestion(context, paragraph)),
    queries: [queriesQuestion(context, statement, queriesPerStatement)],
    verification: [verificationQuestion(context, statement, query)],
    relevance: [relevanceQuestion(context, statement, query)],
    responses: [responsesQuestion(context, statement, query)],
    nli: [nliQuestion(context, statement, query, response)],
  };
  const answers: Record<Stage, number> = {
    statements: (statements * (STATEMENT + 4)) / Math.max(1, paragraphs.length),
    queries: queriesPerStatement * (QUERY + 4),
    verification: 0,
    relevance: 0,
    responses: 3 * (RESPONSE + 6),
    nli: 0,
  };

  const stages = STAGES.map((stage): StageEstimate => {
    const { answered = 0, failed = 0, open = 0, questions: counted } = known.counts[stage] ?? {};
    const reached = counted !== undefined && (stage === 'statements' || known.counts.statements?.open === 0);
    // where an earlier stage is open, more questions than are counted now will come
    const all =
      reached && isFinal(stage, known) ? counted : Math.max(questions[stage], answered + failed + open);
    const toAsk = all - answered - failed;
    const promptTokens = Math.round(toAsk * averagePrompt(samples[stage]));
    const completionTokens = Math.round(toAsk * (answers[stage] + JSON_AROUND));
    const model = modelOf(specs[stage]);
    const cost = costOf(specs[stage], prices, promptTokens, completionTokens);
    return { stage, model, questions: all, toAsk, promptTokens, completionTokens, cost };
  });
  const { secondTeacher } = config;
  if (secondTeacher) {
    for (const stage of SECOND_STAGES) {
      const of = stages.find((one) => one.stage === stage)!;
      const { answered = 0, failed = 0, questions = of.questions } = second?.counts[stage] ?? {};
      const toAsk = questions - answered - failed;
      const promptTokens = Math.round(toAsk * averagePrompt(samples[stage]));
      const completionTokens = Math.round(toAsk * JSON_AROUND);
      const model = modelOf(secondTeacher.teacher);
      const cost = costOf(secondTeacher.teacher, prices, promptTokens, completionTokens);
      stages.push({ stage, model, questions, toAsk, promptTokens, completionTokens, cost });
    }
  }
  const sum = (of: (stage: StageEstimate) => number) => stages.reduce((total, stage) => total + of(stage), 0);
  const unpriced = new Set(stages.filter(({ cost }) => cost === null).map(({ model }) => model));
  return {
    stages,
    toAsk: sum(({ toAsk }) => toAsk),
    promptTokens: sum(({ promptTokens }) => promptTokens),
    completionTokens: sum(({ completionTokens }) => completionTokens),
    cost: unpriced.size > 0 ? null : sum(({ cost }) => cost!),
    currency: prices.currency,
    asOf: prices.asOf,
    unpriced: [...unpriced],
  };
}

function averagePrompt(samples: readonly Question[]): number {
  return samples.reduce((sum, sample) => sum + estimatePrompt(sample), 0) / Math.max(1, samples.length);
}

/** Whether every stage that this one's questions come from is answered. */
function isFinal(stage: Stage, { counts }: Labelled): boolean {
  const sources: Record<Stage, Stage[]> = {
    statements: [],
    queries: ['statements'],
    verification: ['queries'],
    relevance: ['verification'],
    responses: ['verification'],
    nli: ['responses'],
  };
  return sources[stage].every(
    (source) => counts[source]?.open === 0 && isFinal(source, { counts } as Labelled),
  );
}

/** What a local model or rules cost is nothing. */
function costOf(spec: TeacherSpec, prices: Prices, prompt: number, completion: number): number | null {
  if (spec.kind !== 'openai') return 0;
  const price = prices.models[spec.model];
  if (price === undefined) return null;
  return ((prompt * price.input + completion * price.output) / 1e6) * (spec.batch ? price.batch : 1);
}
