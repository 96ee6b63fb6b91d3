import { queriesAnswer } from './answers.js';
import { question, type StageContext } from './question.js';

/** Stage 2: what somebody could say to the character that must be answered with the statement. */
export const queriesQuestion = (
  context: StageContext,
  statement: string,
  count: number,
  answer = queriesAnswer(count),
) => question(context, 'queries', answer, statement, { statement, count });
