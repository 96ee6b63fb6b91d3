import { type Agreement, confusionRows, kappaText } from '../evaluation/agreement.js';
import { markdownTable } from '../evaluation/table.js';
import { percent } from '../support/numbers.js';
import type { DisagreementPolicy, SecondOpinion } from './second.js';
import type { SecondResult } from './secondPass.js';

const FATE: Record<DisagreementPolicy, string> = {
  first: "have the first teacher's label",
  drop: 'are left out',
  review: 'are left out until a person has decided (truecast review)',
};

/** The part of a report that two teachers have. */
export function secondReport({ policy, relevance, nli, disagreements }: SecondResult, name: string): string {
  return [
    `## A second teacher: ${name}`,
    `Rows with two labels ${FATE[policy]}: ${disagreements.length}, all of them with both labels in disagreements.arrow.`,
    opinion('relevance', relevance),
    opinion('nli', nli),
  ].join('\n\n');
}

function opinion(table: string, { agreement, labels, unanswered }: SecondOpinion<unknown>): string {
  const observed = agreement.observed === null ? '–' : percent(agreement.observed);
  const silent = unanswered > 0 ? `; ${unanswered} rows without a label of the second` : '';
  return [
    `### ${table}`,
    `${agreement.rows} rows, the same label in ${observed}; Cohen's κ ${kappaText(agreement)}${silent}.`,
    markdownTable(confusionRows(agreement, labels, ['first', 'second'])),
  ].join('\n\n');
}

/** What --json says of the second teacher. */
export interface SecondSummary {
  disagreements: number;
  relevance: Agreement;
  nli: Agreement;
}

export function secondSummary({ disagreements, relevance, nli }: SecondResult): SecondSummary {
  return { disagreements: disagreements.length, relevance: relevance.agreement, nli: nli.agreement };
}
