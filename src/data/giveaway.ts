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

/** A response under the label it was written for. */
export interface LabelledResponse {
  text: string;
  label: NliLabel;
  /** What it answers: accuracies are means over these. */
  query: string;
  /** The statement it was written for. */
  target: string;
}

interface Item extends LabelledResponse {
  terms: ReadonlySet<string>;
}

interface Counts {
  /** In how many responses of each label a word occurs. */
  words: Record<NliLabel, Map<string, number>>;
  responses: Record<NliLabel, number>;
}

/** Measures the give-away of a character's authored responses with naive Bayes over their words. */
export function giveAway(queries: readonly AuthoredQuery[]): GiveAway {
  return giveAwayOf(
    queries.flatMap((query) =>
      NLI_LABELS.map((label) => ({
        text: query[label].text,
        label,
        query: query.id,
        target: query.active[0]!,
      })),
    ),
  );
}

/** As `giveAway`, for responses of any number per query. */
export function giveAwayOf(responses: readonly LabelledResponse[]): GiveAway {
  const items = responses.map((response): Item => ({ ...response, terms: new Set(terms(response.text)) }));
  const all = countTerms(items);
  return {
    newQuery: leaveOut(items, all, ({ query }) => query),
    newTarget: leaveOut(items, all, ({ target }) => target),
    chance: 1 / NLI_LABELS.length,
    words: tellingWords(all),
  };
}

/** Classifies the responses of each group with what the other groups teach. */
function leaveOut(items: readonly Item[], all: Counts, groupOf: (item: Item) => string): Accuracy {
  const right = new Map<string, { right: number; all: number }>();
  for (const group of grouped(items, groupOf)) {
    const own = countTerms(group);
    for (const item of group) {
      const query = right.get(item.query) ?? { right: 0, all: 0 };
      if (classify(item.terms, all, own) === item.label) query.right++;
      query.all++;
      right.set(item.query, query);
    }
  }
  const correct = [...right.values()].map((query) => query.right / query.all);
  const accuracy = correct.reduce((sum, x) => sum + x, 0) / correct.length;
  const variance = correct.reduce((sum, x) => sum + (x - accuracy) ** 2, 0) / Math.max(1, correct.length - 1);
  return { accuracy, standardError: Math.sqrt(variance / correct.length) };
}

/**
 * Bernoulli naive Bayes over the words that are present, add-1 smoothed, with the counts of `all` without those of
 * `own`; the labels are equally likely a priori. Words never seen in training say nothing. A draw goes to no label,
 * so that it never counts as right.
 */
function classify(response: ReadonlySet<string>, all: Counts, own: Counts): NliLabel | undefined {
  const count = (label: NliLabel, word: string): number =>
    (all.words[label].get(word) ?? 0) - (own.words[label].get(word) ?? 0);
  const known = [...response].filter((word) => NLI_LABELS.some((label) => count(label, word) > 0));
  const scores = NLI_LABELS.map((label) => {
    const n = all.responses[label] - own.responses[label];
    return known.reduce((sum, word) => sum + Math.log((count(label, word) + 1) / (n + 2)), 0);
  });
  const best = Math.max(...scores);
  const winners = NLI_LABELS.filter((_, i) => best - scores[i]! < 1e-9);
  return winners.length === 1 ? winners[0] : undefined;
}

/** Words with z ≥ 1.96 in at least five responses, the most telling first. */
function tellingWords({ words, responses }: Counts): TellingWord[] {
  const vocabulary = new Set(NLI_LABELS.flatMap((label) => [...words[label].keys()]));
  const everything = NLI_LABELS.reduce((sum, label) => sum + responses[label], 0);
  const found: TellingWord[] = [];
  for (const word of vocabulary) {
    const total = NLI_LABELS.reduce((sum, label) => sum + (words[label].get(word) ?? 0), 0);
    for (const label of NLI_LABELS) {
      const n = responses[label];
      const here = (words[label].get(word) ?? 0) + 0.5;
      const there = total - here + 1;
      const notHere = n - here + 1;
      const notThere = everything - n - there + 1;
      const logOdds = Math.log((here * notThere) / (notHere * there));
      const z = logOdds / Math.sqrt(1 / here + 1 / there + 1 / notHere + 1 / notThere);
      if (total >= 5 && z >= 1.96)
        found.push({ word, label, count: total, share: (here - 0.5) / total, logOdds, z });
    }
  }
  return found.sort((a, b) => b.z - a.z || (a.word < b.word ? -1 : 1));
}

function countTerms(items: readonly Item[]): Counts {
  const counts: Counts = { words: byLabel(() => new Map()), responses: byLabel(() => 0) };
  for (const { label, terms } of items) {
    counts.responses[label]++;
    const words = counts.words[label];
    for (const word of terms) words.set(word, (words.get(word) ?? 0) + 1);
  }
  return counts;
}

function grouped(items: readonly Item[], groupOf: (item: Item) => string): Iterable<Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const list = groups.get(groupOf(item));
    if (list === undefined) groups.set(groupOf(item), [item]);
    else list.push(item);
  }
  return groups.values();
}

function byLabel<T>(value: (label: NliLabel) => T): Record<NliLabel, T> {
  return { contradicted: value('contradicted'), neutral: value('neutral'), entailed: value('entailed') };
}
