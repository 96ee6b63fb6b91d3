import type { z } from 'zod';
import type { NliLabel } from '../data/index.js';
import { normalise } from '../data/text.js';
import { randomKey } from '../support/random.js';
import type { Asker, Outcome, Question } from './asker.js';
import { choose, textKey } from './choose.js';
import type { Failure, FailureRow } from './failures.js';
import { type Merge, mergeStatements } from './merge.js';
import { queriesAnswer } from './stages/answers.js';
import { nliQuestion } from './stages/nli.js';
import { queriesQuestion } from './stages/queries.js';
import type { StageContext } from './stages/question.js';
import { relevanceQuestion } from './stages/relevance.js';
import { responsesQuestion } from './stages/responses.js';
import { namesCharacter, statementsQuestion } from './stages/statements.js';
import { verificationQuestion } from './stages/verification.js';
import type { Stage } from './teacher.js';

export interface PipelineOptions {
  character: string;
  paragraphs: readonly string[];
  seed: number;
  mergeSimilarity: number;
  queriesPerStatement: number;
  otherStatements: number;
  otherResponses: number;
}

const KINDS = ['entailed', 'neutral', 'contradicted'] as const satisfies readonly NliLabel[];

/** A statement and a query that wants it, with what the teacher wrote and said of both. */
export interface Pair {
  statement: string;
  query: string;
  /** The query's words as a number, for choices. */
  key: number;
  /** Left out where the teacher wrote none. */
  responses?: Readonly<Record<NliLabel, string>>;
  /** Those whose label is what they were written as. */
  agreed: NliLabel[];
}

/** A label of the teacher on a statement and a query of another one. */
export interface CrossRelevance {
  statement: string;
  pair: Pair;
  label: 'no' | 'yes';
}

/** A label of the teacher on a statement and a response to a query of another one. */
export interface CrossNli {
  statement: string;
  pair: Pair;
  kind: NliLabel;
  label: NliLabel;
}

export interface StageCount {
  questions: number;
  answered: number;
  failed: number;
  /** For another shard, or not asked. */
  open: number;
}

/** What the teacher's answers come to so far. */
export interface Labelled {
  statements: string[];
  merges: Merge[];
  pairs: Pair[];
  relevance: CrossRelevance[];
  nli: CrossNli[];
  failures: FailureRow[];
  /** Of the stages that could be reached. */
  counts: Partial<Record<Stage, StageCount>>;
  /** The first stage that waits for answers; undefined once all of them are there. */
  waiting: Stage | undefined;
}

/**
 * The five stages, and the verification of generated queries, each for all of its questions before the next.
 * What comes out depends on the document, the options and the answers alone. Where answers are open, it goes
 * as far as it gets: what concerns one statement alone is done even where others have none yet; what needs
 * all of them (the choice of other statements' queries and responses) waits.
 */
export async function runPipeline(
  asker: Asker,
  context: StageContext,
  options: PipelineOptions,
): Promise<Labelled> {
  const run = new Run(asker, context, options);
  await run.all();
  return run.result;
}

class Run {
  readonly result: Labelled = {
    statements: [],
    merges: [],
    pairs: [],
    relevance: [],
    nli: [],
    failures: [],
    counts: {},
    waiting: undefined,
  };

  constructor(
    private readonly asker: Asker,
    private readonly context: StageContext,
    private readonly options: PipelineOptions,
  ) {}

  async all(): Promise<void> {
    await this.statements();
    if (this.result.waiting) return;
    await this.queries();
    await this.responses();
    if (this.result.waiting) return;
    await this.relevance();
    await this.nli();
  }

  private async statements(): Promise<void> {
    const { paragraphs, mergeSimilarity } = this.options;
    const questions = paragraphs.map((paragraph) => statementsQuestion(this.context, paragraph));
    const outcomes = await this.ask('statements', questions, (i) => ({ paragraph: paragraphs[i]! }));
    const texts = outcomes.flatMap((outcome, i) => {
      if (outcome.status !== 'answered') return [];
      return outcome.value.statements.filter((statement) => {
        if (namesCharacter(statement, this.context.name)) return true;
        const what = { paragraph: paragraphs[i]!, statement };
        this.fail('statements', 'unnamed', `does not name ${this.context.name}`, outcome.key, what);
        return false;
      });
    });
    const { kept, merges } = mergeStatements(texts, mergeSimilarity);
    this.result.statements = kept;
    this.result.merges = merges;
  }

  private async queries(): Promise<void> {
    const { statements } = this.result;
    const { queriesPerStatement } = this.options;
    const answer = queriesAnswer(queriesPerStatement);
    const questions = statements.map((text) =>
      queriesQuestion(this.context, text, queriesPerStatement, answer),
    );
    const outcomes = await this.ask('queries', questions, (i) => ({ statement: statements[i]! }));
    const written = outcomes.flatMap((outcome, i) => {
      if (outcome.status !== 'answered') return [];
      const statement = statements[i]!;
      const seen = new Set<string>();
      return outcome.value.queries.flatMap((query) => {
        if (seen.has(normalise(query))) {
          this.fail('queries', 'duplicate', 'repeats another query', outcome.key, { statement, query });
          return [];
        }
        seen.add(normalise(query));
        return [{ statement, query }];
      });
    });

    const checks = written.map(({ statement, query }) =>
      verificationQuestion(this.context, statement, query),
    );
    const verdicts = await this.ask('verification', checks, (i) => written[i]!);
    this.result.pairs = verdicts.flatMap((verdict, i) => {
      if (verdict.status !== 'answered') return [];
      const { statement, query } = written[i]!;
      if (verdict.value.label === 'yes') return [{ statement, query, key: textKey(query), agreed: [] }];
      const detail = 'the teacher does not find the statement relevant to the query';
      this.fail('verification', 'unverified', detail, verdict.key, { statement, query });
      return [];
    });
  }

  private async responses(): Promise<void> {
    const { pairs } = this.result;
    const questions = pairs.map(({ statement, query }) => responsesQuestion(this.context, statement, query));
    const outcomes = await this.ask('responses', questions, (i) => partsOf(pairs[i]!));
    outcomes.forEach((outcome, i) => {
      if (outcome.status === 'answered') pairs[i]!.responses = outcome.value;
    });
  }

  private async relevance(): Promise<void> {
    const { seed, otherStatements } = this.options;
    const owners = this.owners();
    const items = this.result.statements.flatMap((statement) => {
      const own = new Set(
        owners.find((owner) => owner.statement === statement)?.pairs.map(({ query }) => normalise(query)),
      );
      const others = owners.filter((owner) => owner.statement !== statement);
      const of = randomKey(seed, 'relevance', statement);
      return choose(of, others, otherStatements).flatMap(({ pairs }) => {
        const [pair] = choose(of, pairs, 1);
        // the words of one of its own queries have their label
        return own.has(normalise(pair!.query)) ? [] : [{ statement, pair: pair! }];
      });
    });
    const questions = items.map(({ statement, pair }) =>
      relevanceQuestion(this.context, statement, pair.query),
    );
    const what = (i: number) => ({ statement: items[i]!.statement, query: items[i]!.pair.query });
    const outcomes = await this.ask('relevance', questions, what);
    this.result.relevance = outcomes.flatMap((outcome, i) =>
      outcome.status === 'answered' ? [{ ...items[i]!, label: outcome.value.label }] : [],
    );
  }

  private async nli(): Promise<void> {
    const items = [
      ...this.result.pairs.flatMap((pair) =>
        pair.responses === undefined ? [] : KINDS.map((kind) => ({ statement: pair.statement, pair, kind })),
      ),
      ...this.result.statements.flatMap((statement) => this.others(statement)),
    ];
    const parts = items.map(({ statement, pair, kind }) => ({
      statement,
      query: pair.query,
      response: pair.responses![kind],
    }));
    const questions = parts.map(({ statement, query, response }) =>
      nliQuestion(this.context, statement, query, response),
    );
    const outcomes = await this.ask('nli', questions, (i) => parts[i]!);
    outcomes.forEach((outcome, i) => {
      if (outcome.status !== 'answered') return;
      const { statement, pair, kind } = items[i]!;
      const { label } = outcome.value;
      if (statement !== pair.statement) this.result.nli.push({ statement, pair, kind, label });
      else if (label === kind) pair.agreed.push(kind);
      else this.fail('nli', 'disagreement', `written as ${kind}, labelled ${label}`, outcome.key, parts[i]!);
    });
  }

  /** Responses of other statements for a statement, as many for each query asked for; the three kinds in turn. */
  private others(statement: string): { statement: string; pair: Pair; kind: NliLabel }[] {
    const { seed, otherResponses, queriesPerStatement } = this.options;
    const pairs = this.result.pairs.filter(
      (pair) => pair.statement !== statement && pair.responses !== undefined,
    );
    const chosen = choose(randomKey(seed, 'nli', statement), pairs, otherResponses * queriesPerStatement);
    return chosen.map((pair, i) => ({ statement, pair, kind: KINDS[i % KINDS.length]! }));
  }

  private ownersFound: { key: number; statement: string; pairs: Pair[] }[] | undefined;

  /** Statements that have queries, with these. */
  private owners(): { key: number; statement: string; pairs: Pair[] }[] {
    if (this.ownersFound !== undefined) return this.ownersFound;
    const owners = new Map<string, { key: number; statement: string; pairs: Pair[] }>();
    for (const pair of this.result.pairs) {
      const owner = owners.get(pair.statement) ?? {
        key: textKey(pair.statement),
        statement: pair.statement,
        pairs: [],
      };
      owner.pairs.push(pair);
      owners.set(pair.statement, owner);
    }
    this.ownersFound = [...owners.values()];
    return this.ownersFound;
  }

  private async ask<S extends z.ZodType>(
    stage: Stage,
    questions: readonly Question<S>[],
    what: (i: number) => Partial<FailureRow>,
  ): Promise<Outcome<z.infer<S>>[]> {
    const outcomes = await this.asker.askAll(stage, questions);
    const count = { questions: questions.length, answered: 0, failed: 0, open: 0 };
    outcomes.forEach((outcome, i) => {
      count[outcome.status]++;
      if (outcome.status !== 'failed') return;
      this.fail(stage, outcome.reason, outcome.detail, outcome.key, what(i));
    });
    this.result.counts[stage] = count;
    if (count.open > 0) this.result.waiting ??= stage;
    return outcomes;
  }

  private fail(stage: Stage, reason: Failure, detail: string, key: string, what: Partial<FailureRow>): void {
    const { character } = this.options;
    const none = { paragraph: null, statement: null, query: null, response: null };
    this.result.failures.push({ character, stage, reason, detail, key, ...none, ...what });
  }
}

const partsOf = ({ statement, query }: Pair) => ({ statement, query });
