/**
 * Scripts written without spaces between words: here a character does a word's work. The mark of long vowels
 * (ー) belongs to two of them, and so, for Unicode, to none.
 */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+/u;
const UNSPACED_STRETCH = new RegExp(`(${UNSPACED.source})`, 'u');

/** Lower case, compatibility forms unified, anything but letters and digits a single space, trimmed. */
export function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/’/g, "'")
    .replace(/[^\p{L}\p{M}\p{N}']+/gu, ' ')
    .trim();
}

export function isUnspaced(text: string): boolean {
  return UNSPACED.test(text);
}

/**
 * The text's words in order. In an unspaced script: its characters, the unit that lengths are counted in.
 */
export function words(text: string): string[] {
  return runs(text).flatMap((run) => (isUnspaced(run) ? [...run] : [run]));
}

/** Words; in an unspaced script characters and pairs of neighbours, as most Chinese words have two. */
export function terms(text: string): string[] {
  return runs(text).flatMap((run) => (isUnspaced(run) ? [...run, ...ngrams(run, 2)] : [run]));
}

/** Every stretch of n characters (code points, not UTF-16 units); the text itself where it is shorter. */
export function ngrams(text: string, n: number): string[] {
  const characters = [...text];
  if (characters.length <= n) return characters.length === 0 ? [] : [text];
  return Array.from({ length: characters.length - n + 1 }, (_, i) => characters.slice(i, i + n).join(''));
}

/** The text cut where it changes between a script with spaces and one without. */
export function scriptStretches(text: string): string[] {
  return text.split(UNSPACED_STRETCH).filter((stretch) => stretch !== '');
}

/** Words of spaced scripts, whole stretches of the others. */
function runs(text: string): string[] {
  return normalise(text)
    .split(' ')
    .flatMap(scriptStretches)
    .map((run) => run.replace(/^'+|'+$/g, ''))
    .filter((run) => run !== '');
}
