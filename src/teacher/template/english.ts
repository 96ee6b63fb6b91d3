import { words } from '../../data/index.js';
import { mentions, nameForms } from './englishNames.js';
import { CUES, queries } from './englishQueries.js';
import { contradiction, firstPerson, negations, whole } from './englishSpeech.js';
import { ANTONYMS, OPENERS, SCENES, STOP_WORDS } from './englishWords.js';
import { LABELLED, type LanguageRules, paragraphParts, sharesCue } from './rules.js';

const END = /[.!?]["”']?$/;
const ABBREVIATION = /(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|c|ca|No)|\b\p{Lu})\.\s*$/u;
const sentenceSegmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

function sentences(text: string): string[] {
  const found: string[] = [];
  for (const { segment } of sentenceSegmenter.segment(text)) {
    const last = found.at(-1);
    if (last !== undefined && ABBREVIATION.test(last)) found[found.length - 1] = last + segment;
    else found.push(segment);
  }
  return found.map((sentence) => sentence.trim());
}

const MIN_WORDS = 3;
const MAX_WORDS = 45;

function statements(name: string, paragraph: string): string[] {
  let about = false;
  const own = (sentence: string): string[] => {
    const named = mentions(name, sentence).length > 0;
    const pronoun = /^(He|She|His|Her)\s/.exec(sentence)?.[1];
    // a pronoun means the character while no other sentence came between
    const stands = !named && about && pronoun !== undefined;
    about = named || stands;
    const possessive = /^H(is|er)$/.test(pronoun ?? '') ? `${name}'s` : name;
    const text = stands ? sentence.replace(pronoun, possessive) : sentence;
    const length = words(text).length;
    const whole = END.test(text) && text.split('(').length === text.split(')').length;
    return about && whole && length >= MIN_WORDS && length <= MAX_WORDS ? [text] : [];
  };
  return paragraphParts(paragraph, END, ' ').flatMap((part) => {
    const [, label, rest] = LABELLED.exec(part) ?? [];
    if (label === undefined || label.split(' ').length > 4) return sentences(part).flatMap(own);
    if (/^(?:full )?name$/i.test(label) || rest === '') return [];
    const [first, ...others] = sentences(rest!);
    about = true;
    const profile = `${name}'s ${label.toLowerCase()}: ${first}`;
    const given =
      mentions(name, first!).length > 0 ? own(first!) : [END.test(profile) ? profile : `${profile}.`];
    return [...given, ...others.flatMap(own)];
  });
}

/** Endings go, so that "lives", "lived" and "live" are one. */
function stem(word: string): string {
  if (word.length < 4 || /\d/.test(word)) return word;
  const short = word.replace(/'s$/, '').replace(/(?:ing|ed|es|s|e|ly)$/, '');
  return short.length >= 3 ? short : word;
}

export const english: LanguageRules = {
  space: ' ',
  statements,
  queries,
  firstPerson,
  contradiction,
  openers: OPENERS,
  scene(draw) {
    const [where, what, does, how] = SCENES.map((words) => draw.pick(words));
    return `Look, ${how} ${what} ${does} ${where}.`;
  },
  topics(name, text) {
    const own = new Set(words(nameForms(name).join(' ')));
    return new Set(
      words(text)
        .filter((word) => !STOP_WORDS.has(word) && !own.has(word.replace(/'s$/, '')))
        .map(stem),
    );
  },
  negations,
  asksFor: (statement, query) => sharesCue(CUES, statement, query),
  antonyms: ANTONYMS,
  whole,
  names: /(?<=[\p{Ll}\p{N},;] )\p{Lu}[\p{L}]{2,}/gu,
};
