import { integerAt, randomKey, shuffled } from '../../support/random.js';

/** The rules of a language: everything that the template teacher knows. */
export interface LanguageRules {
  /** Sentences of a paragraph that name the character, a leading pronoun replaced by the name. */
  statements(name: string, paragraph: string): string[];
  /** Three different utterances to the character, which ask for what the statement says. */
  queries(name: string, statement: string, draw: Draw): string[];
  /** The statement as the character says it. */
  firstPerson(name: string, statement: string): string;
  /** As the character would say it if it were not so: one thing changed, or negated. */
  contradiction(name: string, statement: string, draw: Draw): string;
  /** What anybody could say. */
  smallTalk: readonly string[];
  /** The words that tell what a text is about, in a form that can be compared; the name is none. */
  topics(name: string, text: string): ReadonlySet<string>;
  /** How often a text negates. */
  negations(text: string): number;
  /** Pairs of words that exclude each other. */
  antonyms: readonly (readonly [string, string])[];
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

/** The first entry of `pairs` that occurs as a whole in the text, its other side in its place. */
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
      if (whole(from).test(text)) return text.replace(whole(from), to);
    }
  }
  return undefined;
}

/** Takes the first `n` different ones. */
export function distinct(texts: readonly string[], n: number): string[] {
  return [...new Set(texts)].slice(0, n);
}
