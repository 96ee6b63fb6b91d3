import type { z } from 'zod';
import { NLI_LABELS, type NliRow, RELEVANCE_LABELS, type RelevanceRow } from '../data/index.js';
import type { Asker, Question } from './asker.js';
import type { LabelledData } from './dataset.js';
import type { FailureRow } from './failures.js';
import type { StageCount } from './pipeline.js';
import type { ReviewRow } from './review/rows.js';
import { type DisagreementPolicy, type SecondOpinion, secondOpinion, type TwiceLabelled } from './second.js';
import { nliQuestion } from './stages/nli.js';
import type { StageContext } from './stages/question.js';
import { relevanceQuestion } from './stages/relevance.js';
import { verificationQuestion } from './stages/verification.js';

/** The stages that a second teacher labels in, too. */
export const SECOND_STAGES = ['verification', 'relevance', 'nli'] as const;
export type SecondStage = (typeof SECOND_STAGES)[number];

/** What a second teacher says of the rows that the first one labelled. */
export interface SecondLabels {
  relevance: TwiceLabelled<RelevanceRow>[];
  nli: TwiceLabelled<NliRow>[];
  /** Rows that it gave no label: they are in the data set by the first one's. */
  failures: FailureRow[];
  counts: Record<SecondStage, StageCount>;
}

/**
 * Asks a second teacher, with the words that the first one was asked with, for the label of every row: of a
 * statement and a query written for it as the verification does, of others as the stages relevance and nli.
 */
export async function askSecond(
  asker: Asker,
  context: StageContext,
  data: Pick<LabelledData, 'queries' | 'relevance' | 'nli'>,
): Promise<SecondLabels> {
  const failures: FailureRow[] = [];
  const counts = {} as SecondLabels['counts'];
  const labels = async <S extends z.ZodType<{ label: string }>>(
    stage: SecondStage,
    rows: readonly (RelevanceRow | NliRow)[],
    ask: (row: RelevanceRow | NliRow) => Question<S>,
    names: readonly string[],
  ): Promise<(number | undefined)[]> => {
    const outcomes = await asker.askAll(stage, rows.map(ask));
    const count = { questions: rows.length, answered: 0, failed: 0, open: 0 };
    counts[stage] = count;
    return outcomes.map((outcome, i) => {
      count[outcome.status]++;
      if (outcome.status === 'answered') return names.indexOf(outcome.value.label);
      if (outcome.status === 'failed') {
        const { character, statement, query, ...row } = rows[i]!;
        const response = 'response' in row ? row.response : null;
        const { key, reason } = outcome;
        const detail = `the second teacher: ${outcome.detail}`;
        failures.push({ character, stage, reason, detail, key, paragraph: null, statement, query, response });
      }
      return undefined;
    });
  };

  const targets = new Map(data.queries.map(({ queryId, active }) => [queryId, active[0]]));
  const isOwn = (row: RelevanceRow) => row.label === 1 && targets.get(row.queryId) === row.statementId;
  const seconds = new Map<RelevanceRow | NliRow, number | undefined>();
  const record = (rows: readonly (RelevanceRow | NliRow)[], found: (number | undefined)[]) => {
    for (const [i, row] of rows.entries()) seconds.set(row, found[i]);
  };
  const own = data.relevance.filter(isOwn);
  const verify = ({ statement, query }: { statement: string; query: string }) =>
    verificationQuestion(context, statement, query);
  record(own, await labels('verification', own, verify, RELEVANCE_LABELS));
  const others = data.relevance.filter((row) => !isOwn(row));
  const relate = ({ statement, query }: { statement: string; query: string }) =>
    relevanceQuestion(context, statement, query);
  record(others, await labels('relevance', others, relate, RELEVANCE_LABELS));
  const judge = (row: RelevanceRow | NliRow) =>
    nliQuestion(context, row.statement, row.query, (row as NliRow).response);
  record(data.nli, await labels('nli', data.nli, judge, NLI_LABELS));

  const twice = <Row extends RelevanceRow | NliRow>(rows: readonly Row[]): TwiceLabelled<Row>[] =>
    rows.map((row) => ({ row, second: seconds.get(row) }));
  return { relevance: twice(data.relevance), nli: twice(data.nli), failures, counts };
}

export interface SecondResult {
  policy: DisagreementPolicy;
  relevance: SecondOpinion<RelevanceRow>;
  nli: SecondOpinion<NliRow>;
  disagreements: ReviewRow[];
}

/** The data set after a second opinion: rows that go take with them what followed from their labels. */
export function withSecond(
  data: LabelledData,
  labels: SecondLabels,
  policy: DisagreementPolicy,
  seed: number,
): { data: LabelledData; second: SecondResult } {
  const relevance = secondOpinion('relevance', labels.relevance, policy, seed);
  const nli = secondOpinion('nli', labels.nli, policy, seed);
  const gone = new Set([...labels.relevance, ...labels.nli].map(({ row }) => row));
  for (const row of [...relevance.kept, ...nli.kept]) gone.delete(row);
  const inactive = new Set<string>();
  const unsaid = new Set<string>();
  for (const row of gone) {
    if (!('response' in row)) inactive.add(`${row.queryId} ${row.statementId}`);
    else if (row.label === 2 && row.origin === 'target') unsaid.add(`${row.queryId} ${row.response}`);
  }
  return {
    data: {
      ...data,
      queries: data.queries.map((query) => ({
        ...query,
        active: query.active.filter((id) => !inactive.has(`${query.queryId} ${id}`)),
      })),
      relevance: relevance.kept,
      nli: nli.kept,
      dialogues: data.dialogues.filter(({ queryId, response }) => !unsaid.has(`${queryId} ${response}`)),
    },
    second: { policy, relevance, nli, disagreements: [...relevance.disagreements, ...nli.disagreements] },
  };
}
