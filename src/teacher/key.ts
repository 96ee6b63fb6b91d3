import { createHash } from 'node:crypto';
import { answerJsonSchema } from './stages/answers.js';
import type { Teacher, TeacherRequest } from './teacher.js';

/**
 * What an answer is stored under: the SHA-256 of everything that it depends on. Prompts count by their words,
 * so that another version with the same words asks nothing anew.
 */
export function requestKey(request: TeacherRequest, identity: Teacher['identity']): string {
  const { stage, messages, answer, temperature, maxTokens, repetition } = request;
  const parts = [
    stage,
    messages.map(({ role, content }) => [role, content]),
    answerJsonSchema(answer),
    temperature,
    maxTokens,
    repetition,
    Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
