import { z } from 'zod';
import { BACKEND_NAMES } from '../backends/select.js';
import { UsageError } from '../support/errors.js';

/** Who labels a data set, how it is asked, and what is made of its answers: the configuration of build-dataset. */

const count = z.int().positive();
const positive = z.number().positive();
const path = z.string().min(1);
const share = z.number().min(0).lt(1);

/** The default of `timeoutSeconds` and its limit: Node's fetch gives up on a silent server after 300 s. */
const LONGEST_TIMEOUT = 300;

const address = z
  .string()
  .refine((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), {
    error: 'is no address such as http://localhost:8000/v1',
    abort: true,
  })
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', {
    error: 'holds a password: keys come from the environment (keyFrom)',
  })
  .transform((text) => text.replace(/\/+$/, ''));

/** Keys of a request that the stages and the way of asking decide. */
const OURS = [
  'model',
  'messages',
  'temperature',
  'max_tokens',
  'max_completion_tokens',
  'response_format',
  'stream',
  'n',
];

/** A model behind an API that speaks as OpenAI's: OpenAI, vLLM, llama.cpp, Ollama, LM Studio, our own server. */
const endpoint = z.strictObject({
  kind: z.literal('openai'),
  baseUrl: address.default('https://api.openai.com/v1'),
  model: z.string().min(1),
  /**
   * The environment variable that holds the key. Left out: OPENAI_API_KEY for OpenAI's own address, no key
   * for any other, so that no key goes where it does not belong.
   */
  keyFrom: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'is the name of an environment variable, not a key' })
    .optional(),
  /** How answers are held to their shape; auto finds out once what the endpoint can do. */
  structured: z.enum(['auto', 'json_schema', 'json_object', 'text']).default('auto'),
  /** Requests under way at the same time. */
  concurrency: count.default(8),
  requestsPerMinute: positive.optional(),
  /** Of prompts and answers together. */
  tokensPerMinute: positive.optional(),
  /** For a whole answer, from the request to the body's last byte. */
  timeoutSeconds: positive.max(LONGEST_TIMEOUT).default(120),
  /** Tries of one request, where what went wrong may pass. */
  attempts: count.default(8),
  /** Before the second try; doubled for each further one, unless the server says how long. */
  pauseSeconds: positive.default(1),
  /** A server that wants us to wait longer than this is not waited for. */
  longestWaitSeconds: positive.default(600),
  /** The Batch API: cheaper, within a day. */
  batch: z.boolean().default(false),
  batchPollSeconds: positive.default(30),
  /** Further keys of the request, as the endpoint names them (seed, top_p, …); part of the teacher's identity. */
  parameters: z
    .record(z.string(), z.json())
    .refine((given) => !Object.keys(given).some((key) => OURS.includes(key)), {
      error: `has a key that is set elsewhere: ${OURS.join(', ')}`,
    })
    .default({}),
});
export type EndpointSpec = z.infer<typeof endpoint>;

/** A local model of ours. */
const local = z.strictObject({
  kind: z.literal('local'),
  /** A folder in Hugging Face layout, a .gguf file, or a model of the hub. */
  model: path,
  quantization: z.enum(['none', 'nf4', 'nf4-double']).default('nf4-double'),
  /** Questions answered at once. */
  batchSize: count.default(8),
  seed: z.int().min(0).default(1),
  backend: z.enum(['auto', ...BACKEND_NAMES]).default('auto'),
});
export type LocalSpec = z.infer<typeof local>;

/** Rules instead of a model: to try things out. */
const template = z.strictObject({ kind: z.literal('template') });
export type TemplateSpec = z.infer<typeof template>;

export const teacherSpecSchema = z.discriminatedUnion('kind', [endpoint, local, template]);
export type TeacherSpec = z.infer<typeof teacherSpecSchema>;

const stage = (temperature: number, maxTokens: number) =>
  z
    .strictObject({
      temperature: z.number().min(0).max(2).default(temperature),
      /** Longest answer in tokens. */
      maxTokens: count.default(maxTokens),
      /** Another model for this stage alone; null for none. */
      model: z.string().min(1).nullable().default(null),
    })
    .prefault({});

export const buildDatasetConfigSchema = z
  .strictObject({
    teacher: teacherSpecSchema,
    /** Labels relevance and NLI rows, too, asked with the same words. */
    secondTeacher: z
      .strictObject({
        teacher: teacherSpecSchema,
        /** A row with two labels keeps the first teacher's, is dropped, or waits for a person (truecast review). */
        disagreements: z.enum(['first', 'drop', 'review']).default('review'),
      })
      .optional(),
    /** Of every table and label, the share of the rows that is set aside for truecast review. */
    reviewShare: z.number().min(0).max(1).default(0),
    seed: z.int().min(0).default(1),
    /** A folder of one's own prompts, LANGUAGE/STAGE.md; what it lacks is taken from those that come along. */
    prompts: path.optional(),
    /** How often a question is asked whose answers are of no use (refused, filtered, malformed). */
    tries: count.default(3),
    stages: z
      .strictObject({
        statements: stage(0, 4096),
        queries: stage(1, 1024),
        verification: stage(0, 256),
        relevance: stage(0, 256),
        responses: stage(1, 1024),
        nli: stage(0, 256),
      })
      .prefault({}),
    /** Paragraphs longer than this many characters are cut between sentences. */
    longestParagraph: count.default(6000),
    /** Statements at least this alike (Jaccard of character n-grams) are merged; 1 merges only equal ones. */
    mergeSimilarity: z.number().gt(0).max(1).default(0.85),
    queriesPerStatement: count.default(3),
    /** Other statements that one of each one's queries is judged against. */
    otherStatements: z.int().min(0).default(5),
    /** Responses of other statements that each statement and query is judged with. */
    otherResponses: z.int().min(0).default(3),
    split: z
      .strictObject({
        heldOutShare: share.default(0.2),
        heldOutMin: z.int().min(0).default(0),
        nearDuplicate: z.number().gt(0).max(1).default(0.35),
      })
      .prefault({}),
  })
  .superRefine(({ teacher, stages }, context) => {
    if (teacher.kind === 'openai') return;
    for (const [name, { model }] of Object.entries(stages)) {
      if (model === null) continue;
      const message = `another model for a stage is for teachers of the kind openai, not ${teacher.kind}`;
      context.addIssue({ code: 'custom', path: ['stages', name, 'model'], message });
    }
  });
export type BuildDatasetConfig = z.infer<typeof buildDatasetConfigSchema>;

/** Of the stages' own models none is left where another teacher is named. */
const SAME_MODEL = Object.fromEntries(
  ['statements', 'queries', 'verification', 'relevance', 'responses', 'nli'].map((name) => [
    `stages.${name}.model`,
    null,
  ]),
);

/**
 * What `--teacher` says, as overrides of a configuration: `openai:MODEL` (where the configuration has an
 * endpoint, its model alone is changed), `local:MODEL`, `template`; for every stage.
 */
export function teacherOverrides(option: string | undefined): Record<string, unknown> {
  if (option === undefined) return {};
  const [, kind, model] = /^(openai|local|template)(?::(.+))?$/.exec(option) ?? [];
  if (kind === 'template' && model === undefined) return { teacher: { kind }, ...SAME_MODEL };
  if (kind === 'local' && model !== undefined) return { teacher: { kind, model }, ...SAME_MODEL };
  if (kind === 'openai' && model !== undefined) {
    return { 'teacher.kind': kind, 'teacher.model': model, ...SAME_MODEL };
  }
  throw new UsageError(`no such teacher: ${option}`, 'give openai:MODEL, local:MODEL or template');
}

/** Prices of models, as their user keeps them. */
export const pricesSchema = z.strictObject({
  /** When the prices were looked up. */
  asOf: z.iso.date({ error: 'is no date such as 2026-01-31 (in quotes)' }),
  currency: z.string().min(1).default('USD'),
  models: z.record(
    z.string().min(1),
    z.strictObject({
      /** For a million tokens of prompts. */
      input: z.number().min(0),
      /** For a million tokens of answers. */
      output: z.number().min(0),
      /** What the Batch API costs as a share of these. */
      batch: z.number().min(0).max(1).default(1),
    }),
  ),
});
export type Prices = z.infer<typeof pricesSchema>;
