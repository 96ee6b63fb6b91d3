import { relevanceAnswer } from './answers.js';
import { question, type StageContext } from './question.js';

/** Stage 3: whether a statement matters for a query that was written for another one. */
export const relevanceQuestion = (context: StageContext, statement: string, query: string) =>
  question(context, 'relevance', relevanceAnswer, statement, { statement, query });
