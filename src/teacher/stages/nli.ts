import { nliAnswer } from './answers.js';
import { question, type StageContext } from './question.js';

/** Stage 5: what a response, given to a query, says about a statement; not told what it was written as. */
export const nliQuestion = (context: StageContext, statement: string, query: string, response: string) =>
  question(context, 'nli', nliAnswer, statement, { statement, query, response });
