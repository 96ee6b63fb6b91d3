import { METHODS } from '../agents/agent.js';
import { BACKEND_NAMES } from '../backends/select.js';

/** Options that several commands share, as yargs takes them. */

export const backend = {
  choices: ['auto', ...BACKEND_NAMES] as const,
  describe: 'Where tensors live; auto takes the fastest usable one and says why',
} as const;

export const config = {
  type: 'string',
  demandOption: true,
  requiresArg: true,
  describe: 'Configuration file (YAML); see configs/',
} as const;

export const runName = {
  type: 'string',
  requiresArg: true,
  describe: "The run's name, instead of the configuration's; an existing run goes on",
} as const;

export const seed = {
  type: 'number',
  requiresArg: true,
  describe: "Seed, instead of the configuration's",
} as const;

export const character = {
  type: 'string',
  requiresArg: true,
  describe: 'A shipped character (odile, tam, …), a data set folder, or a .yaml persona',
} as const;

export const relevance = {
  type: 'string',
  requiresArg: true,
  describe: 'Folder of the relevance discriminator',
} as const;

export const nli = {
  type: 'string',
  requiresArg: true,
  describe: 'Folder of the NLI discriminator',
} as const;

export const method = {
  choices: METHODS,
  describe:
    'How the persona reaches the model: its name alone, experience upload, all statements, or retrieved ones',
} as const;

/** What the command line changes in a configuration's `run` section. */
export function runOverrides(argv: {
  name?: string | undefined;
  seed?: number | undefined;
  backend?: string | undefined;
}): Record<string, unknown> {
  return { 'run.name': argv.name, 'run.seed': argv.seed, 'run.backend': argv.backend };
}
