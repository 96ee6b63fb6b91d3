import { statementsAnswer } from './answers.js';
import { question, type StageContext } from './question.js';

/** Stage 1: a paragraph's facts about the character, each a sentence that names it and stands alone. */
export const statementsQuestion = (context: StageContext, paragraph: string) =>
  question(context, 'statements', statementsAnswer, paragraph, { paragraph });

/**
 * Whether a text names the character, by its whole name or by a part of it that is a name, too: "Beethoven"
 * of "Ludwig van Beethoven", not "van".
 */
export function namesCharacter(text: string, name: string): boolean {
  const plain = (s: string) => s.normalize('NFKC').toLowerCase();
  const parts = name.split(/[\s·・‧,，]+/u).filter((part) => [...part].length > 1);
  const names = parts.filter((part) => !/^\p{Ll}/u.test(part));
  return [name, ...(names.length > 0 ? names : parts)].some((part) => plain(text).includes(plain(part)));
}
