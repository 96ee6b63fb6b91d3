import { createHash } from 'node:crypto';
import { languageTag, lineOfText } from '../characterFormat.js';
import type { Gathered } from './gather.js';

/**
 * An id for a character's name: its letters and digits where they are Latin ("Komeiji Koishi": komeiji-koishi),
 * otherwise the beginning of the name's hash. An id that the source itself uses stays.
 */
export function idOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  if (/^[a-z][a-z0-9-]*$/.test(slug)) return slug;
  return `c-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** The language that a script stands for, by what most letters are; Latin letters count as English. */
export function languageOf({ statements, queries }: Gathered): string {
  const sample = [...statements.entries, ...queries.entries]
    .slice(0, 200)
    .map(({ text }) => text)
    .join('');
  const count = (script: RegExp): number => sample.match(script)?.length ?? 0;
  const kana = count(/[\p{Script=Hiragana}\p{Script=Katakana}]/gu);
  const han = count(/\p{Script=Han}/gu);
  const hangul = count(/\p{Script=Hangul}/gu);
  const letters = count(/\p{L}/gu);
  if (hangul > letters / 3) return 'ko';
  if (kana + han > letters / 3) return kana > (kana + han) / 10 ? 'ja' : 'zh';
  return 'en';
}

/** What makes a name or language unusable, if anything. */
export function identityProblem(name: string, language: string): string | undefined {
  const ofName = lineOfText.safeParse(name);
  if (!ofName.success) return `the name ${JSON.stringify(name)} ${ofName.error.issues[0]!.message}`;
  const ofLanguage = languageTag.safeParse(language);
  return ofLanguage.success
    ? undefined
    : `${JSON.stringify(language)} ${ofLanguage.error.issues[0]!.message}`;
}
