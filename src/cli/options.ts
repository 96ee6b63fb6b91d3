import { METHODS } from '../agents/agent.js';
import { BACKEND_NAMES } from '../backends/select.js';
import { UsageError } from '../support/errors.js';

/** Options that several commands share, as yargs takes them. */

/** The group of a command's own options in its help; those of every command follow it. */
export const OWN = 'Options of this command:';

/** An option that takes a number; `wanted` says which ones, and yargs gives NaN for what is none. */
export function numeric(name: string, accepts: (value: number) => boolean, wanted: string) {
  return {
    type: 'number',
    requiresArg: true,
    coerce(value: number): number {
      // yargs calls it for an option that is not given, too
      if (value !== undefined && !accepts(value)) throw new UsageError(`--${name} takes ${wanted}`);
      return value;
    },
  } as const;
}

/** Part i of n, as i/n. */
export const shard = {
  type: 'string',
  requiresArg: true,
  coerce(text: string | undefined): { index: number; count: number } | undefined {
    if (text === undefined) return undefined;
    const [, i, n] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
    const [index, count] = [Number(i), Number(n)];
    if (!(index >= 1 && index <= count)) {
      throw new UsageError('--shard takes i/n, with i from 1 to n', 'give it as 1/8');
    }
    return { index, count };
  },
} as const;

export const backend = {
  choices: ['auto', ...BACKEND_NAMES] as const,
  describe: 'Where tensors live; auto takes the fastest usable one and says why',
} as const;

export const config = {
  type: 'string',
  demandOption: true,
  requiresArg: true,
  describe: 'Configuration file (YAML); configs/ has examples',
} as const;

export const runName = {
  type: 'string',
  requiresArg: true,
  describe: "The run's name, its folder under runs/, instead of the configuration's",
} as const;

const takesSeed = numeric('seed', (n) => Number.isSafeInteger(n) && n >= 0, 'a whole number from 0');
export const seed = { ...takesSeed, describe: "Seed, instead of the configuration's" } as const;
export const samplingSeed = {
  ...takesSeed,
  default: 1,
  describe: 'The same seed, the same replies',
} as const;

export const character = {
  type: 'string',
  requiresArg: true,
  describe: 'A shipped character (odile, tam, …), a data set folder, or a .yaml persona',
} as const;

export const relevance = {
  type: 'string',
  requiresArg: true,
  describe: 'A relevance discriminator: what train-discriminator made (RUN/model), or a published one',
} as const;

export const nli = {
  type: 'string',
  requiresArg: true,
  describe: 'An NLI discriminator: what train-discriminator made (RUN/model), or a published one',
} as const;

export const method = {
  choices: METHODS,
  describe:
    'How the persona reaches the model: vanilla: its name alone; eu: its name, to an adapter of train-eu; ' +
    'lcm: every statement; rag: those that matter for the query',
} as const;

/** What help ends with: calls that can be copied, each after what it does, and paragraphs. */
export function helpEnd(examples: Readonly<Record<string, string>>, ...paragraphs: string[]): string {
  const calls = Object.entries(examples).map(([what, call]) => `  # ${what}\n  ${call}`);
  return [...(calls.length > 0 ? [`Examples:\n${calls.join('\n')}`] : []), ...paragraphs].join('\n\n');
}

/** What the help of commands that make a run says of them. */
export const aboutRuns =
  'A run is a folder, runs/NAME: its configuration, metrics, checkpoints, report and results. The same command goes on where it was stopped, and prints the results again once the run is finished.';

/** What the help of commands that take models says of them. */
export const aboutModels =
  'A model is a folder in Hugging Face layout (config.json, model.safetensors, tokenizer.json; checkpoints/ has tiny ' +
  'ones), a .gguf file, or a model of the Hugging Face hub, by its name: owner/name, owner/name@revision (a branch, ' +
  'tag or commit) or owner/name:file.gguf. What is not there yet is downloaded, once, into the cache that Python ' +
  'programs use too (HF_HOME, HF_HUB_CACHE); HF_TOKEN opens gated models, HF_HUB_OFFLINE=1 forbids downloads. ' +
  'A folder of that name comes first.';

/** What the command line changes in a configuration's `run` section. */
export function runOverrides(argv: {
  name?: string | undefined;
  seed?: number | undefined;
  backend?: string | undefined;
}): Record<string, unknown> {
  return { 'run.name': argv.name, 'run.seed': argv.seed, 'run.backend': argv.backend };
}
