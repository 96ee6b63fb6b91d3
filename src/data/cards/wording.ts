import { isEnded } from '../sentences.js';
import { isUnspaced, normalise } from '../text.js';

const ARTICLES = new Set(['the', 'a', 'an']);

/** "NAME's hair: red.", or as the language has it; a key that names its subject stands alone. */
export function attributeText(subject: string, key: string, value: string, language: string): string {
  const base = language.split('-')[0];
  const of = base === 'zh' ? '的' : base === 'ja' ? 'の' : "'s ";
  const owner = names(key, subject) ? '' : `${subject}${of}`;
  const name = owner === '' || of !== "'s " ? key : lowered(key);
  return ended(`${owner}${name}${of === "'s " ? ': ' : '：'}${value}`, language);
}

export function fragmentText(subject: string, text: string, language: string): string {
  return ended(`${subject}${/^(zh|ja)/.test(language) ? '：' : ': '}${text}`, language);
}

export function ended(text: string, language: string): string {
  const bare = trimmed(text, '', ',，;；:：、 ');
  if (isEnded(bare)) return bare;
  return bare + (/^(zh|ja)/.test(language) ? '。' : '.');
}

/** Whether a text mentions the subject, by the first part of its name. */
export function names(text: string, subject: string): boolean {
  const inside = ` ${normalise(text)} `.replace(/'s /g, ' ');
  const whole = normalise(subject);
  if (whole === '') return false;
  // Chinese and Japanese put no spaces around names
  const first = whole.split(' ').find((part) => !ARTICLES.has(part)) ?? whole;
  if (isUnspaced(first)) return inside.includes(first);
  return inside.includes(` ${first} `);
}

/** "Hair" → "hair", "Teaching Style" → "teaching style"; "MBTI" and names within stay. */
function lowered(key: string): string {
  const words = key.split(' ');
  const isTitle = words.every((word) => /^(\p{Lu}\p{Ll}+|and|of|the|or|in|&)$/u.test(word));
  if (isTitle) return key.toLowerCase();
  return /^\p{Lu}(?!\p{Lu})/u.test(key) ? key.charAt(0).toLowerCase() + key.slice(1) : key;
}

/** One line: control characters and white space made single spaces. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}

/** The text without the characters of a set at its ends; unlike a pattern, in linear time whatever they are. */
export function trimmed(text: string, begin: string, end: string): string {
  let first = 0;
  let last = text.length;
  while (first < last && begin.includes(text[first]!)) first++;
  while (last > first && end.includes(text[last - 1]!)) last--;
  return text.slice(first, last);
}
