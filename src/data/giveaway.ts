import type { AuthoredQuery } from './characterFormat.js';
import { NLI_LABELS, type NliLabel } from './rows.js';
import { terms } from './text.js';

/** A word that turns up under one label more often than under the other two. */
export interface TellingWord {
  word: string;
  label: NliLabel;
  /** Responses that hold it, and the share of them that has this label. */
  count: number;
  share: number;
  /** Log-odds of the word under this label against the others, add-½ smoothed, and its z-score. */
  logOdds: number;
  z: number;
}

/** Share of the responses whose label is found from their words alone. */
export interface Accuracy {
  accuracy: number;
  /** Over queries: a query's three responses are no independent trials. */
  standardError: number;
}

/** How far a response alone, without statement and query, gives its label away. */
export interface GiveAway {
  /** Each query in turn is left out of training. Its target's other queries teach the fact's own words. */
  newQuery: Accuracy;
  /** All queries of a target are left out together: what remains are habits that go with a label. */
  newTarget: Accuracy;
  /** What guessing reaches: the three labels are equally many. */
  chance: number;
  words: TellingWord[];
}

type Counts = Record<NliLabel, Map<string, number>>;
type ResponseTerms = Record<NliLabel, ReadonlySet<string>>;

/** Measures the give-away of a character's authored responses with naive Bayes over their words. */
export function giveAway(queries: readonly AuthoredQuery[]): GiveAway {
  const responses = queries.map(
    (query): ResponseTerms => byLabel((label) => new Set(terms(query[label].text))),
  );
  return {
    newQuery: leaveOut(queries, responses, (query) => query.id),
    newTarget: leaveOut(queries, responses, (query) => query.active[0]!),
    chance: 1 / NLI_LABELS.length,
    words: tellingWords(countTerms(responses), queries.length),
  };
}

/** Classifies the responses of each group of queries with what the other groups teach. */
function leaveOut(
  queries: readonly AuthoredQuery[],
  responses: readonly ResponseTerms[],
  groupOf: (query: AuthoredQuery) => string,
): Accuracy {
  const groups = queries.map(groupOf);
  const correct = responses.map((response, i) => {
    const others = responses.filter((_, j) => groups[j] !== groups[i]);
    const counts = countTerms(others);
    const right = NLI_LABELS.filter((label) => classify(response[label], counts, others.length) === label);
    return right.length / NLI_LABELS.length;
  });
  const accuracy = correct.reduce((sum, x) => sum + x, 0) / correct.length;
  const variance = correct.reduce((sum, x) => sum + (x - accuracy) ** 2, 0) / Math.max(1, correct.length - 1);
  return { accuracy, standardError: Math.sqrt(variance / correct.length) };
}

/**
 * Bernoulli naive Bayes over the words that are present, add-1 smoothed; the labels are equally likely a
 * priori. Words never seen in training say nothing. A draw goes to no label, so that it never counts as right.
 */
function classify(response: ReadonlySet<string>, counts: Counts, n: number): NliLabel | undefined {
  const known = [...response].filter((word) =>
    NLI_LABELS.some((label) => (counts[label].get(word) ?? 0) > 0),
  );
  const scores = NLI_LABELS.map((label) =>
    known.reduce((sum, word) => sum + Math.log(((counts[label].get(word) ?? 0) + 1) / (n + 2)), 0),
  );
  const best = Math.max(...scores);
  const winners = NLI_LABELS.filter((_, i) => best - scores[i]! < 1e-9);
  return winners.length === 1 ? winners[0] : undefined;
}

/** Words with z ≥ 1.96 in at least five responses, the most telling first. */
function tellingWords(counts: Counts, n: number): TellingWord[] {
  const vocabulary = new Set(NLI_LABELS.flatMap((label) => [...counts[label].keys()]));
  const found: TellingWord[] = [];
  for (const word of vocabulary) {
    const total = NLI_LABELS.reduce((sum, label) => sum + (counts[label].get(word) ?? 0), 0);
    for (const label of NLI_LABELS) {
      const here = (counts[label].get(word) ?? 0) + 0.5;
      const there = total - here + 1;
      const notHere = n - here + 1;
      const notThere = (NLI_LABELS.length - 1) * n - there + 1;
      const logOdds = Math.log((here * notThere) / (notHere * there));
      const z = logOdds / Math.sqrt(1 / here + 1 / there + 1 / notHere + 1 / notThere);
      if (total >= 5 && z >= 1.96)
        found.push({ word, label, count: total, share: (here - 0.5) / total, logOdds, z });
    }
  }
  return found.sort((a, b) => b.z - a.z || (a.word < b.word ? -1 : 1));
}

/** In how many responses of each label a word occurs. */
function countTerms(responses: readonly ResponseTerms[]): Counts {
  const counts: Counts = byLabel(() => new Map());
  for (const response of responses) {
    for (const label of NLI_LABELS) {
      for (const word of response[label]) counts[label].set(word, (counts[label].get(word) ?? 0) + 1);
    }
  }
  return counts;
}

function byLabel<T>(value: (label: NliLabel) => T): Record<NliLabel, T> {
  return { contradicted: value('contradicted'), neutral: value('neutral'), entailed: value('entailed') };
}
