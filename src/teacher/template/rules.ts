import { integerAt, randomKey, shuffled } from '../../support/random.js';

/** The rules of a language: everything that the template teacher knows. */
export interface LanguageRules {
  /** Sentences of a paragraph that name the character, a leading pronoun replaced by the name. */
  statements(name: string, paragraph: string): string[];
  /** Different utterances to the character, which ask for what the statement says: `count`, or fewer. */
  queries(name: string, statement: string, count: number, draw: Draw): string[];
  /** Whether a query asks by a cue that the statement holds, such as where one lives. */
  asksFor(statement: string, query: string): boolean;
  /** The statement as the character says it. */
  firstPerson(name: string, statement: string): string;
  /** As the character would say it if it were not so: one thing changed, or negated. */
  contradiction(name: string, statement: string, draw: Draw): string;
  /** What anybody could say before an answer of any kind, so that it tells no label. It negates nothing. */
  openers: readonly string[];
  /** What has nothing to do with anybody, seldom the same twice. */
  scene(draw: Draw): string;
  /** Between two sentences. */
  space: string;
  /** The words that tell what a text is about, in a form that can be compared; the name is none. */
  topics(name: string, text: string): ReadonlySet<string>;
  /** How often a text negates. */
  negations(text: string): number;
  /** Pairs of words that exclude each other. */
  antonyms: readonly (readonly [string, string])[];
  /** Finds a word of these pairs in a text. */
  whole(word: string): RegExp;
  /** Finds names and places, as far as they can be told by their form. */
  names: RegExp;
}

/** What in a statement lets one ask what. */
export type Cues = readonly (readonly [cue: RegExp, questions: readonly string[]])[];

/** A question for each cue of the statement, the cues in a drawn order. */
export function cuedQuestions(cues: Cues, statement: string, draw: Draw): string[] {
  return draw.order(cues.filter(([cue]) => cue.test(statement))).map(([, questions]) => draw.pick(questions));
}

export function sharesCue(cues: Cues, statement: string, query: string): boolean {
  return cues.some(
    ([cue, questions]) => cue.test(statement) && (questions.includes(query) || cue.test(query)),
  );
}

/** Seeded choices, in order. */
export class Draw {
  private readonly key: number;
  private count = 0;

  constructor(...path: (number | string)[]) {
    this.key = randomKey('template', ...path);
  }

  below(n: number): number {
    return integerAt(this.key, this.count++, n);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  order<T>(items: readonly T[]): T[] {
    return shuffled(items, randomKey(this.key, this.count++));
  }
}

/** Another number in digits: close enough to be a slip, never the same. */
export function otherNumber(text: string, draw: Draw): string {
  const value = Number(text);
  const step = 2 + draw.below(value >= 1000 ? 60 : 7);
  return String(value > step && draw.below(2) === 0 ? value - step : value + step);
}

/** The first of `pairs` of which the text holds one side alone, the other side in its place. */
export function swapAntonym(
  text: string,
  pairs: readonly (readonly [string, string])[],
  whole: (word: string) => RegExp,
): string | undefined {
  for (const [a, b] of pairs) {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (whole(from).test(text) && !whole(to).test(text)) return text.replace(whole(from), to);
    }
  }
  return undefined;
}

/** Takes the first `n` different ones. */
export function distinct(texts: readonly string[], n: number): string[] {
  return [...new Set(texts)].slice(0, n);
}

/**
 * The lines of a paragraph joined, but for headings and for lines such as "Age: 26", which stand alone.
 *
 * @param ends what a sentence ends with
 */
export function paragraphParts(paragraph: string, ends: RegExp, glue: string): string[] {
  const parts: string[] = [];
  let open = false;
  for (const line of paragraph.replace(/\[[^\]]{0,40}\]/g, '').split('\n')) {
    const text = line.replace(/\s+/g, ' ').trim();
    if (text === '') continue;
    const goesOn = open && /^[\p{Ll}\p{Lo}]/u.test(text) && !LABELLED.test(text);
    if (goesOn) parts[parts.length - 1] += glue + text;
    else parts.push(text);
    open = !ends.test(text);
  }
  return parts;
}

/** A line of a profile: what it gives, and the rest. */
export const LABELLED = /^([^:：.。,，"“”]{2,40})[:：]\s*(.*)$/u;
