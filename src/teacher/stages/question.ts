import type { z } from 'zod';
import type { Question } from '../asker.js';
import type { Prompts } from '../prompts.js';
import type { Stage } from '../teacher.js';

/** What the stages need to know to put a question. */
export interface StageContext {
  /** The character's. */
  name: string;
  prompts: Prompts;
  settings: Readonly<Record<Stage, { temperature: number; maxTokens: number }>>;
}

/** A question of a stage: its prompt, filled in, and the stage's settings. */
export function question<S extends z.ZodType>(
  { name, prompts, settings }: StageContext,
  stage: Stage,
  answer: S,
  owner: string,
  variables: Readonly<Record<string, string | number>>,
): Question<S> {
  const all = { name, ...variables };
  const { language, version } = prompts[stage];
  return {
    stage,
    prompt: { language, version },
    variables: Object.fromEntries(Object.entries(all).map(([key, value]) => [key, String(value)])),
    messages: prompts[stage].fill(all),
    temperature: settings[stage].temperature,
    maxTokens: settings[stage].maxTokens,
    answer,
    repetition: 0,
    owner,
  };
}
