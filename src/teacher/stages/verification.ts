import { relevanceAnswer } from './answers.js';
import { question, type StageContext } from './question.js';

/** Whether a query wants the statement that it was written for: the published pipeline takes it for granted. */
export const verificationQuestion = (context: StageContext, statement: string, query: string) =>
  question(context, 'verification', relevanceAnswer, statement, { statement, query });
