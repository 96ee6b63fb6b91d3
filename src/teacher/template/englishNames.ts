import { distinct } from './rules.js';

/** For a regular expression that matches these letters. */
export const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The whole name, and its first and last word where they are long enough to mean somebody. */
export function nameForms(name: string): string[] {
  const parts = name.split(/\s+/);
  const alone = [parts.at(-1)!, parts[0]!].filter((part) => part.length >= 3 && /^\p{Lu}/u.test(part));
  return distinct([name, ...alone], 3);
}

export interface Mention {
  at: number;
  text: string;
  possessive: boolean;
}

/** Where a text names the character; "Johann van Beethoven" and "the Beethoven House" are not Ludwig. */
export function mentions(name: string, text: string): Mention[] {
  const forms = nameForms(name).map(escaped).join('|');
  const form = new RegExp(`(?<![\\p{L}\\p{N}])(?:${forms})(?:(['’]s)|(?![\\p{L}\\p{N}]))`, 'gu');
  return [...text.matchAll(form)].flatMap(({ index: at, 0: found, 1: possessive }) => {
    const before = /(\p{Lu}[\p{L}.]+)\s(?:van\s|von\s|de\s|of\s|the\s)?$/u.exec(text.slice(0, at));
    // a capital at the beginning of the sentence means nothing
    const after = /^\s\p{Lu}\p{Ll}/u.test(text.slice(at + found.length));
    const another = (before !== null && before.index > 0) || (after && possessive === undefined);
    return another ? [] : [{ at, text: found, possessive: possessive !== undefined }];
  });
}

/** The text with every mention of the character replaced. */
export function replaceMentions(name: string, text: string, by: (mention: Mention) => string): string {
  return mentions(name, text).reduceRight(
    (result, mention) =>
      result.slice(0, mention.at) + by(mention) + result.slice(mention.at + mention.text.length),
    text,
  );
}

const MONTH =
  /^(?:January|February|March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b/;

/** Stretches of capitalised words that don't open the sentence and aren't the character or a month. */
export function properNouns(name: string, text: string): string[] {
  const rest = replaceMentions(name, text, () => 'x');
  const noun =
    /(?<=[\p{Ll}\p{N},;)]\s(?:["“(])?)\p{Lu}[\p{L}-]{2,}(?:\s(?:of\s|de\s|van\s|the\s)?\p{Lu}[\p{L}-]+)*/gu;
  return distinct(
    [...rest.matchAll(noun)].map(([found]) => found).filter((found) => !MONTH.test(found)),
    5,
  );
}
