import type { Stage } from '../teacher.js';

/** What a prompt's variable holds. */
export type VariableType = 'text' | 'number';

/** The variables that each stage fills in; a prompt uses all of its stage's, and no others. */
export const STAGE_VARIABLES: Readonly<Record<Stage, Readonly<Record<string, VariableType>>>> = {
  statements: { name: 'text', paragraph: 'text' },
  queries: { name: 'text', statement: 'text', count: 'number' },
  verification: { name: 'text', statement: 'text', query: 'text' },
  relevance: { name: 'text', statement: 'text', query: 'text' },
  responses: { name: 'text', statement: 'text', query: 'text' },
  nli: { name: 'text', statement: 'text', query: 'text', response: 'text' },
};
