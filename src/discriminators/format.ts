import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TruecastError } from '../support/errors.js';
import { readJson, writeFileAtomic } from '../support/files.js';
import { PACKAGE_ROOT } from '../support/version.js';

export type DiscriminatorTask = 'relevance' | 'nli';

/** The classes, in the order of the head's outputs. */
export const TASK_LABELS = {
  relevance: ['no', 'yes'],
  nli: ['contradicted', 'neutral', 'entailed'],
} as const satisfies Record<DiscriminatorTask, readonly string[]>;

const FIELDS = {
  relevance: ['character', 'statement', 'query'],
  nli: ['character', 'statement', 'query', 'response'],
};

const schema = z
  .strictObject({
    schema: z.literal('truecast.discriminator/1'),
    task: z.enum(['relevance', 'nli']),
    labels: z.array(z.string()),
    /** Templates with {character}, {statement}, {query}, {response}; with a second one the input is a pair. */
    input: z.strictObject({ first: z.string().min(1), second: z.string().min(1).optional() }),
    /** Longest input in tokens. */
    maxLength: z.int().min(8),
    /** Characters whose rows it was trained on, and which data: a judge is to be a stranger to its reward. */
    trainedOn: z
      .strictObject({ characters: z.array(z.string()), data: z.string(), seed: z.int() })
      .optional(),
  })
  .superRefine((value, context) => {
    if (value.labels.join() !== TASK_LABELS[value.task].join()) {
      context.addIssue({
        code: 'custom',
        path: ['labels'],
        message: `must be ${TASK_LABELS[value.task].join(', ')}`,
      });
    }
    const text = value.input.first + (value.input.second ?? '');
    for (const [, field] of text.matchAll(/\{(\w+)\}/g)) {
      if (!FIELDS[value.task].includes(field!)) {
        context.addIssue({
          code: 'custom',
          path: ['input'],
          message: `{${field}} is no field of ${value.task}`,
        });
      }
    }
  });

/** discriminator.json: what a checkpoint expects as input. It belongs to the weights: they work with no other. */
export type DiscriminatorFormat = z.infer<typeof schema>;

/** The input of new discriminators: short, the statement against what is said. */
export function defaultFormat(task: DiscriminatorTask, maxLength: number): DiscriminatorFormat {
  const second = task === 'relevance' ? '{query}' : '{query}\n{response}';
  return {
    schema: 'truecast.discriminator/1',
    task,
    labels: [...TASK_LABELS[task]],
    input: { first: '{statement}', second },
    maxLength,
  };
}

const FILE = 'discriminator.json';

/** Published checkpoints say nothing of their input; it is written down beside the configurations. */
const publishedPath = (repository: string) =>
  join(PACKAGE_ROOT, 'configs', 'published', `${repository.replace('/', '--')}.json`);

/**
 * The input format of the discriminator in `folder`: its own, or, where it has none, the one that comes along
 * for the published checkpoint `repository` (owner/name).
 */
export function loadFormat(folder: string, repository?: string): DiscriminatorFormat {
  const paths = [join(folder, FILE), ...(repository === undefined ? [] : [publishedPath(repository)])];
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new TruecastError(
      `${repository ?? folder} has no ${FILE}: the text that its head was trained on is unknown`,
      'use a folder that truecast train-discriminator wrote, or describe the input in that file ' +
        '(for a copy of a published checkpoint: one of those in configs/published)',
    );
  }
  const result = schema.safeParse(readJson(path, 'discriminator format'));
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new TruecastError(`${path} cannot be used:\n${problems.join('\n')}`);
}

export function saveFormat(folder: string, format: DiscriminatorFormat): void {
  writeFileAtomic(join(folder, FILE), `${JSON.stringify(format, null, 2)}\n`);
}

/** What a discriminator is asked about. */
export interface DiscriminatorInput {
  character: string;
  statement: string;
  query: string;
  /** NLI alone. */
  response?: string;
}

/** The text, or pair, that the format makes of an input. Braces within the fields are left as they are. */
export function formatInput(
  format: DiscriminatorFormat,
  input: DiscriminatorInput,
): [first: string, second?: string] {
  const fill = (template: string) =>
    template.replace(/\{(\w+)\}/g, (_, field: string) => {
      const value = input[field as keyof DiscriminatorInput];
      if (value === undefined)
        throw new Error(`the ${format.task} discriminator was asked without a ${field}`);
      return value;
    });
  const { first, second } = format.input;
  return second === undefined ? [fill(first)] : [fill(first), fill(second)];
}
