/**
 * A text's language as far as its script tells: `ja` for Han with at least one kana in twenty letters, `zh` for
 * Han alone, `en` for Latin letters (which other languages use too: their speakers say so themselves). Undefined
 * where most letters are of another script, or there are none.
 */
export function languageOf(text: string): string | undefined {
  // the beginning says it, and a huge lorebook need not be counted
  const sample = text.slice(0, 100_000);
  const count = (script: RegExp) => sample.match(script)?.length ?? 0;
  const letters = count(/\p{L}/gu);
  const kana = count(/[\p{Script=Hiragana}\p{Script=Katakana}]/gu);
  const east = count(/\p{Script=Han}/gu) + kana;
  // a character of theirs does a word's work, a Latin letter a fifth of one
  const latin = count(/\p{Script=Latin}/gu) / 5;
  const others = Math.max(0, letters - east - 5 * latin) / 5;
  if (letters === 0 || others > Math.max(east, latin)) return undefined;
  if (latin >= east) return 'en';
  return 20 * kana >= east ? 'ja' : 'zh';
}
