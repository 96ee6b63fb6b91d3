import { words } from '../../data/index.js';
import { isUnspaced, ngrams, scriptStretches } from '../../data/text.js';
import { distinct, LABELLED, paragraphParts } from './rules.js';

/** What the rules of languages without spaces between words share. */

const END = /[。！？!?][”」』）]?$/u;

function sentences(text: string): string[] {
  return text
    .split(/(?<=[。！？!?][”」』）]?)(?![”」』）])/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
}

/** Where a word begins and ends is not told: it is looked for anywhere. */
export const anywhere = (word: string) => new RegExp(word, 'u');

export interface StatementRules {
  /** A pronoun that opens a sentence in the character's place. */
  pronoun: RegExp;
  /** Between the name and what a profile's line gives. */
  of: string;
  /** Lines of a profile that give the name. */
  nameLabel: RegExp;
  /** In characters. */
  shortest: number;
  longest: number;
}

/** Sentences that name the character, or that begin with a pronoun after one that does. */
export function statementsOf(name: string, paragraph: string, rules: StatementRules): string[] {
  let about = false;
  const own = (sentence: string): string[] => {
    const named = nameForms(name).some((form) => sentence.includes(form));
    const stands = !named && about && rules.pronoun.test(sentence);
    about = named || stands;
    const text = stands ? sentence.replace(rules.pronoun, name) : sentence;
    const length = [...text].length;
    return about && /[。！]$/u.test(text) && length >= rules.shortest && length <= rules.longest
      ? [text]
      : [];
  };
  return paragraphParts(paragraph, END, '').flatMap((part) => {
    const [, label, rest] = LABELLED.exec(part) ?? [];
    if (label === undefined || [...label].length > 8) return sentences(part).flatMap(own);
    if (rules.nameLabel.test(label) || rest === '') return [];
    const [first, ...others] = sentences(rest!);
    about = true;
    const profile = `${name}${rules.of}${label}：${first}`;
    return [END.test(profile) ? profile : `${profile}。`, ...others.flatMap(own)];
  });
}

/** The whole name, its parts between points or spaces, and of longer Han names the family or given name. */
export function nameForms(name: string): string[] {
  const parts = name.split(/[·・‧\s]+/u).filter((part) => [...part].length >= 2);
  const han = /^\p{Script=Han}{3,}$/u.test(name) ? [name.slice(-2), name.slice(0, 2)] : [];
  return distinct([name, parts.at(-1) ?? name, parts[0] ?? name, ...han], 5);
}

export function substitute(name: string, text: string, by: string): string {
  return nameForms(name).reduce((result, form) => result.replaceAll(form, by), text);
}

/** Stretches of two to eight characters between the boundaries, the longest first: what one can ask about. */
export function chunks(text: string, boundary: RegExp): string[] {
  return distinct(
    text
      .split(boundary)
      .filter((chunk) => [...chunk].length >= 2 && [...chunk].length <= 8)
      .sort((a, b) => [...b].length - [...a].length),
    3,
  );
}

/** Pairs of characters, and the words of other scripts; characters that match `stops` part them. */
export function topicTerms(stretches: readonly string[], stops: RegExp): ReadonlySet<string> {
  const found = stretches.flatMap((stretch) => {
    if (!isUnspaced(stretch)) return words(stretch);
    return stretch
      .split(stops)
      .flatMap(scriptStretches)
      .filter((part) => [...part].length >= 2)
      .flatMap((part) => ngrams(part, 2));
  });
  return new Set(found);
}
