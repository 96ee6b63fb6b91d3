import { words } from '../../data/index.js';
import { ANTONYMS, NAMES, OPENERS, PLACES, SCENES, STOP_WORDS } from './englishWords.js';
import {
  type Cues,
  cuedQuestions,
  type Draw,
  distinct,
  LABELLED,
  type LanguageRules,
  otherNumber,
  paragraphParts,
  sharesCue,
  swapAntonym,
} from './rules.js';

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const whole = (word: string) => new RegExp(`(?<![\\p{L}\\p{N}])${escaped(word)}(?![\\p{L}\\p{N}])`, 'u');
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** The whole name, and its first and last word where they are long enough to mean somebody. */
function nameForms(name: string): string[] {
  const parts = name.split(/\s+/);
  const alone = [parts.at(-1)!, parts[0]!].filter((part) => part.length >= 3 && /^\p{Lu}/u.test(part));
  return distinct([name, ...alone], 3);
}

interface Mention {
  at: number;
  text: string;
  possessive: boolean;
}

/** Where a text names the character; "Johann van Beethoven" and "the Beethoven House" are not Ludwig. */
function mentions(name: string, text: string): Mention[] {
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
function replaceMentions(name: string, text: string, by: (mention: Mention) => string): string {
  return mentions(name, text).reduceRight(
    (result, mention) =>
      result.slice(0, mention.at) + by(mention) + result.slice(mention.at + mention.text.length),
    text,
  );
}

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

const BEFORE_OBJECT =
  /\b(?:by|to|with|for|of|from|about|against|after|before|under|than|like|taught|met|called|named|made|gave|told|asked|saw|loved|helped|between|[a-z]{3,}ing)\s$/;
const HER_AS_OBJECT =
  /\bher\b(?=\s(?:and|or|in|on|at|to|for|with|as|by|when|after|before|because|from|that)\b|[.,;!?]|$)/gi;
const PLAIN_VERB: Record<string, string> = {
  is: 'am',
  has: 'have',
  does: 'do',
  goes: 'go',
  "isn't": 'am not',
};
const NO_VERB = /(?:ss|us|is|'s)$/;

/** The verb of the first person, for one in the third that follows its subject. */
function firstPersonVerb(verb: string): string {
  const known = PLAIN_VERB[verb];
  if (known !== undefined) return known;
  if (!/^[a-z]+s$/.test(verb) || NO_VERB.test(verb) || verb === 'was' || verb === 'always') return verb;
  if (/[^aeiou]ies$/.test(verb)) return verb.replace(/ies$/, 'y');
  if (/(?:ch|sh|x|zz|ss|o)es$/.test(verb)) return verb.replace(/es$/, '');
  return verb.slice(0, -1);
}

function firstPerson(name: string, statement: string): string {
  const text = replaceMentions(name, statement, ({ at, possessive }) => {
    if (possessive) return 'my';
    return BEFORE_OBJECT.test(statement.slice(0, at)) ? 'me' : 'I';
  })
    .replace(/\b(?:he|she)['’]s\b(?=\s(?:been|[a-z]+ed)\b)/gi, 'I have')
    .replace(/\b(?:he|she)['’]s\b/gi, 'I am')
    .replace(/\b(?:he|she)\b/gi, 'I')
    .replace(/\b(?:himself|herself)\b/gi, 'myself')
    .replace(/\bhis\b/gi, 'my')
    .replace(/\bhim\b/gi, 'me')
    .replace(HER_AS_OBJECT, 'me')
    .replace(/\bher\b/gi, 'my')
    .replace(
      /\bI((?:\s[a-z]+ly|\s(?:also|still|often|never|always|now))?)\s([a-z']+)/g,
      (_, adverb, verb) => {
        return `I${adverb} ${firstPersonVerb(verb)}`;
      },
    );
  return /\b(?:I|my|me|myself)\b/i.test(text) ? capital(text) : `As for me: ${text}`;
}

const MONTH =
  /^(?:January|February|March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b/;

/** Stretches of capitalised words that don't open the sentence and aren't the character or a month. */
function properNouns(name: string, text: string): string[] {
  const rest = replaceMentions(name, text, () => 'x');
  const noun =
    /(?<=[\p{Ll}\p{N},;)]\s(?:["“(])?)\p{Lu}[\p{L}-]{2,}(?:\s(?:of\s|de\s|van\s|the\s)?\p{Lu}[\p{L}-]+)*/gu;
  return distinct(
    [...rest.matchAll(noun)].map(([found]) => found).filter((found) => !MONTH.test(found)),
    5,
  );
}

/** "a" or "an" before a word that has taken another's place. */
function withArticle(text: string, word: string): string {
  const article = /^[aeiou]/i.test(word) ? 'an' : 'a';
  return text.replace(new RegExp(`\\b(?:a|an) (?=${escaped(word)}(?![\\p{L}]))`, 'u'), `${article} `);
}

function swapped(said: string): string | undefined {
  const changed = swapAntonym(said, ANTONYMS, whole);
  return (
    changed &&
    ANTONYMS.flat().reduce((text, word) => (said.includes(word) ? text : withArticle(text, word)), changed)
  );
}

function contradiction(name: string, statement: string, draw: Draw): string {
  const said = firstPerson(name, statement);
  const number = /\b\d{1,4}\b/.exec(said);
  const nouns = properNouns(name, said);
  const changes = [
    () => swapped(said),
    () => number && said.replace(number[0], otherNumber(number[0], draw)),
    () => {
      const noun = nouns[0];
      if (noun === undefined) return undefined;
      const isPlace = new RegExp(`\\b(?:in|at|from|to|near)\\s${escaped(noun)}`).test(said);
      const pool = (isPlace ? PLACES : NAMES).filter((one) => !said.includes(one));
      return said.replace(noun, draw.pick(pool));
    },
  ];
  for (const change of draw.order(changes)) {
    const changed = change();
    if (changed && changed !== said) return changed;
  }
  return negated(said);
}

const AUXILIARY = /\bI (am|was|have|had|can|could|will|would|do|did|must|should|may|might)\b(?! not)/;

function negated(said: string): string {
  if (negations(said) > 0) {
    const without = said.replace(/\b(?:never|not)\s/, '');
    if (without !== said) return without;
  }
  if (AUXILIARY.test(said)) return said.replace(AUXILIARY, 'I $1 not');
  if (/\bI [a-z]/.test(said)) return said.replace(/\bI ([a-z])/, 'I never $1');
  const copula = /\b(is|was|are|were|has|had)\b(?! not)/;
  if (copula.test(said)) return said.replace(copula, '$1 not');
  return `It is not true that ${said.replace(/^As for me: /, '').replace(/^(?!I\b)./, (c) => c.toLowerCase())}`;
}

function negations(text: string): number {
  return (text.match(/\b(?:not|never|no|nobody|nothing|none|neither|nor|without)\b|n['’]t\b/gi) ?? []).length;
}

const CUES: Cues = [
  [/\bborn\b/i, ['Where and when were you born?', 'What do we know about your birth?']],
  [
    /\b(?:lives?|lived|living|dwells?|resides?)\b/i,
    ['Where do you live?', 'What is the place like where you live?'],
  ],
  [/\byears? old\b|\baged?\b/i, ['How old are you?', 'May I ask your age?']],
  [
    /\b(?:mother|father|sister|brother|son|daughter|parents|wife|husband|married|family)\b/i,
    ['What is your family like?', 'Who is in your family?'],
  ],
  [
    /\b(?:likes?|liked|loves?|loved|enjoys?|enjoyed|fond)\b/i,
    ['What do you like most?', 'What gives you joy?'],
  ],
  [
    /\b(?:hates?|hated|dislikes?|fears?|feared|afraid)\b/i,
    ['What do you dislike?', 'Is there something that you fear?'],
  ],
  [
    /\b(?:works?|worked|profession|trade|job|career)\b/i,
    ['What is your work?', 'How do you earn your living?'],
  ],
  [
    /\b(?:wrote|writes|written|composed|composes|published|painted)\b/i,
    ['Which of your works should I know?', 'What have you made?'],
  ],
  [
    /\b(?:studied|studies|school|university|taught|teacher|learned|learnt|pupil)\b/i,
    ['Who taught you?', 'How did you learn what you know?'],
  ],
  [/\b(?:died|death|killed|buried)\b/i, ['How did it end?', 'What is said about your death?']],
  [/\b(?:because|since|therefore)\b/i, ['Why was that?', 'What was your reason?']],
  [/\b(?:can|able|power|ability)\b/i, ['What are you able to do?', 'What is your gift?']],
  [/\b(?:friends?|companions?|ally|allies)\b/i, ['Who are your friends?', 'Whom do you trust?']],
];

function queries(name: string, statement: string, count: number, draw: Draw): string[] {
  const nouns = properNouns(name, statement);
  const year = /\b1\d{3}\b|\b20\d{2}\b/.exec(statement)?.[0];
  const object = objectOf(name, statement);
  const specific = [
    ...cuedQuestions(CUES, statement, draw),
    ...(year ? [draw.pick([`What happened to you in ${year}?`, `What were you doing in ${year}?`])] : []),
    ...nouns
      .slice(0, 2)
      .map((noun) =>
        draw.pick([
          `What is ${noun} to you?`,
          `What can you tell me about ${noun}?`,
          `How did you come to ${noun}?`,
          `Tell me about you and ${noun}.`,
        ]),
      ),
  ];
  const general = draw.order([
    `What can you say of ${object}?`,
    `Is there a story behind ${object}?`,
    `I have heard something about ${object}. Is it true?`,
    `Tell me about ${object}, please.`,
  ]);
  return distinct([...specific.slice(0, 2), ...general, ...specific.slice(2)], count);
}

/** The longest stretch of the statement that begins as a noun does, with an article or your, and holds no verb we know. */
function objectOf(name: string, statement: string): string {
  const said = replaceMentions(name, statement, ({ possessive }) => (possessive ? 'your' : 'you'))
    .replace(/\b(?:his|her)\b/gi, 'your')
    .replace(/["“”]/g, '');
  const phrases = [...said.matchAll(/\b(?:an?|the|your)((?:\s[\p{L}\p{N}'’-]+){1,6})/giu)].flatMap(
    ([phrase]) => {
      const [first, ...rest] = phrase.split(' ');
      const end = rest.findIndex((word) => STOP_WORDS.has(word.toLowerCase()));
      const kept = rest.slice(0, end < 0 ? 4 : end);
      return kept.length === 0 ? [] : [[first!.toLowerCase(), ...kept].join(' ')];
    },
  );
  const [longest] = phrases.sort((a, b) => b.length - a.length);
  return longest ?? properNouns(name, statement)[0] ?? 'your life';
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
