import { escaped, properNouns, replaceMentions } from './englishNames.js';
import { ANTONYMS, NAMES, PLACES } from './englishWords.js';
import { type Draw, otherNumber, swapAntonym } from './rules.js';

export const whole = (word: string) =>
  new RegExp(`(?<![\\p{L}\\p{N}])${escaped(word)}(?![\\p{L}\\p{N}])`, 'u');
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

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

export function firstPerson(name: string, statement: string): string {
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

export function contradiction(name: string, statement: string, draw: Draw): string {
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

export function negations(text: string): number {
  return (text.match(/\b(?:not|never|no|nobody|nothing|none|neither|nor|without)\b|n['’]t\b/gi) ?? []).length;
}
