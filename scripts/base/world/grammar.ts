/** The little English that templates need: articles, numbers, verb forms, capitals. */

/** "a" or "an", by how the word sounds. */
export function withArticle(phrase: string): string {
  if (/^(8|11|18)(?!\d)|^8\d/.test(phrase)) return `an ${phrase}`;
  if (/^(hour|heir|honest|honour)/i.test(phrase)) return `an ${phrase}`;
  if (/^(one\b|once\b|one-|uni[cfotv]|use|euro|ukulele|eu|uten)/i.test(phrase)) return `a ${phrase}`;
  return `${/^[aeiouáéíóúèê]/i.test(phrase) ? 'an' : 'a'} ${phrase}`;
}

const small = [
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen',
  'seventeen eighteen nineteen',
]
  .join(' ')
  .split(' ');
const tens = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];

/** From 0 to 999. */
export function numberWords(n: number): string {
  if (n < 20) return small[n]!;
  if (n < 100) return n % 10 === 0 ? tens[n / 10]! : `${tens[Math.floor(n / 10)]}-${small[n % 10]}`;
  const rest = n % 100 === 0 ? '' : ` and ${numberWords(n % 100)}`;
  return `${small[Math.floor(n / 100)]} hundred${rest}`;
}

/** "counts my steps" from "count my steps". */
export function thirdPerson(phrase: string): string {
  return changeVerb(phrase, (verb) => {
    const irregular = { have: 'has', do: 'does', go: 'goes', be: 'is' }[verb];
    if (irregular) return irregular;
    if (/(s|sh|ch|x|z|o)$/.test(verb)) return `${verb}es`;
    return /[^aeiou]y$/.test(verb) ? `${verb.slice(0, -1)}ies` : `${verb}s`;
  });
}

const doubling = new Set(
  'swim sit run dig knit win cut get put set hum nap jog chat tap plan skip beg rub mop shop let chop stop drop pat step wrap'.split(
    ' ',
  ),
);

/** "counting my steps" from "count my steps". */
export function gerund(phrase: string): string {
  return changeVerb(phrase, (verb) => {
    if (doubling.has(verb)) return `${verb}${verb.at(-1)}ing`;
    if (verb.endsWith('ie')) return `${verb.slice(0, -2)}ying`;
    return /[^eo]e$/.test(verb) && verb !== 'be' ? `${verb.slice(0, -1)}ing` : `${verb}ing`;
  });
}

/** The verb is the first word. */
function changeVerb(phrase: string, change: (verb: string) => string): string {
  const [verb = '', ...rest] = phrase.split(' ');
  return [change(verb), ...rest].join(' ');
}

/** A capital at the start of every sentence. */
export function capitalise(text: string): string {
  return text.replace(/(^|[.!?]["”]? )(["“(]?)(\p{Ll})/gu, (_, before, quote, letter) => {
    return `${before}${quote}${letter.toUpperCase()}`;
  });
}
