import { answerJsonSchema } from './stages/answers.js';
import type { TeacherRequest } from './teacher.js';

/** What a chat template adds to a message. */
const PER_MESSAGE = 4;

/**
 * About how many tokens a text has, whatever the tokenizer: four bytes of spaced scripts to one, a token
 * for each Chinese or Japanese character.
 */
export function estimateTokens(text: string): number {
  const unspaced = text.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー]/gu);
  const wide = unspaced?.length ?? 0;
  return wide + Math.ceil((Buffer.byteLength(text) - 3 * wide) / 4);
}

/** Of a request's messages and its schema. */
export function estimatePrompt({ messages, answer }: Pick<TeacherRequest, 'messages' | 'answer'>): number {
  const words = messages.reduce((sum, { content }) => sum + estimateTokens(content) + PER_MESSAGE, 0);
  return words + estimateTokens(JSON.stringify(answerJsonSchema(answer)));
}
