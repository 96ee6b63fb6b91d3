import { responsesAnswer } from './answers.js';
import { question, type StageContext } from './question.js';

/** Stage 4: three answers to a query, that state the statement, leave it open, and deny it. */
export const responsesQuestion = (context: StageContext, statement: string, query: string) =>
  question(context, 'responses', responsesAnswer, statement, { statement, query });
