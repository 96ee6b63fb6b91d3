import { z } from 'zod';
import { METHODS } from '../agents/agent.js';
import { BACKEND_NAMES } from '../backends/select.js';
import { QUANTIZATIONS } from '../models/nf4.js';
import { OPTIMIZERS } from '../training/optimizer.js';

/**
 * The one schema of configurations: sections that the commands share, then a configuration per command.
 * Unknown keys are refused. Paths are relative to the working directory; models and adapters may be named as
 * the Hugging Face hub names them, too (src/hub/reference.ts).
 */

const count = z.int().positive();
const path = z.string().min(1);
const share = z.number().min(0).lt(1);

const run = z.strictObject({
  /** Folder under `directory`; the same name goes on with the same run. */
  name: z.string().regex(/^[\w.-]+$/, 'use letters, digits, dots, dashes and underscores'),
  directory: path.default('runs'),
  seed: z.int().min(0).default(1),
  backend: z.enum(['auto', ...BACKEND_NAMES]).default('auto'),
});

const training = z.strictObject({
  epochs: count,
  batchSize: count,
  /** Batches per update. */
  accumulation: count.default(1),
  /** adamw8bit keeps a byte instead of a float32 for each moment: 6 of 8 bytes a parameter less. */
  optimizer: z.enum(OPTIMIZERS).default('adamw'),
  learningRate: z.number().positive(),
  schedule: z.enum(['constant', 'linear', 'cosine']).default('linear'),
  warmupRatio: share.default(0.1),
  weightDecay: z.number().min(0).default(0.01),
  beta1: share.default(0.9),
  beta2: share.default(0.999),
  epsilon: z.number().positive().default(1e-6),
  maxGradientNorm: z.number().positive().default(1),
  saveEvery: count.default(50),
  /** Gradient checkpointing: less memory, a second forward pass. */
  recompute: z.boolean().default(false),
});

const decoderTraining = training.extend({
  /** Examples share rows of up to so many tokens where that is less to compute; 1: none does. */
  packedLength: count.default(1024),
});

const lora = z.strictObject({
  rank: count,
  alpha: z.number().positive(),
  dropout: share.default(0),
  targetModules: z
    .array(z.enum(['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']))
    .min(1)
    .default(['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']),
  rslora: z.boolean().default(false),
  /** Weight-decomposed: the lengths of the weights' rows are trained as well. */
  dora: z.boolean().default(false),
  /** Ranks and alphas of some layers, by a regular expression for the last parts of their names. */
  rankPattern: z.record(z.string(), count).default({}),
  alphaPattern: z.record(z.string(), z.number().positive()).default({}),
});

const decoder = z.strictObject({
  /** A folder in Hugging Face layout, a .gguf file, or a model of the hub. */
  base: path,
  quantization: z.enum(QUANTIZATIONS).default('nf4-double'),
});

const discriminators = z.strictObject({ relevance: path, nli: path });

const agent = z.strictObject({
  method: z.enum(METHODS).default('vanilla'),
  personaTurn: z.enum(['user', 'model']).default('user'),
  /** Statements that rag retrieves. */
  topK: count.default(5),
});

const sampling = z.strictObject({
  temperature: z.number().min(0).default(1),
  topK: z.int().min(0).default(0),
  topP: z.number().positive().max(1).default(1),
  maxNewTokens: count.default(256),
  batchSize: count.default(16),
});

export const discriminatorConfigSchema = z.strictObject({
  run,
  task: z.enum(['relevance', 'nli']).optional(),
  /** A folder in Hugging Face layout or a model of the hub: an encoder, with or without a head. */
  base: path,
  /** Longest input in tokens. */
  maxLength: z.int().min(8).default(256),
  /** Characters (ids under `datasets`, or paths) whose rows are trained on. */
  characters: z.array(path).min(1),
  training,
});
export type DiscriminatorConfig = z.infer<typeof discriminatorConfigSchema>;

export const euConfigSchema = z.strictObject({
  run,
  character: path,
  model: decoder,
  agent: agent.prefault({ method: 'eu' }),
  lora,
  training: decoderTraining,
});
export type EuConfig = z.infer<typeof euConfigSchema>;

export const dpoConfigSchema = z
  .strictObject({
    run,
    character: path,
    model: decoder,
    agent: agent.prefault({}),
    /** Ready-made pairs (.jsonl or .arrow) instead of mined ones. */
    pairs: path.optional(),
    /** An adapter to start from (experience upload); the reference is the model with it on. */
    startAdapter: path.optional(),
    /** The reward. Not needed with ready pairs, unless the method retrieves. */
    discriminators: discriminators.optional(),
    /** How responses are sampled and paired. */
    mining: z
      .strictObject({
        /** Responses per query. */
        samples: z.int().min(2).default(2),
        /** A pair is kept where the scores differ by more. */
        margin: z.number().min(0).default(0.2),
        /** At most so many queries. */
        queries: count.default(100),
        sampling: sampling.prefault({}),
      })
      .prefault({}),
    lora,
    dpo: z
      .strictObject({
        loss: z.enum(['sigmoid', 'ipo', 'hinge', 'apc-offset']).default('sigmoid'),
        beta: z.number().positive().default(0.1),
        labelSmoothing: z.number().min(0).lt(0.5).default(0),
        /** α of apc-offset. */
        offsetScale: z.number().min(0).default(1),
      })
      .prefault({}),
    training: decoderTraining,
  })
  .superRefine(({ pairs, agent, discriminators }, context) => {
    if (discriminators !== undefined || (pairs !== undefined && agent.method !== 'rag')) return;
    const what = pairs === undefined ? 'mining pairs' : 'the method rag';
    const message = `is missing: ${what} needs \`relevance\` and \`nli\`, folders that truecast train-discriminator writes or published discriminators`;
    context.addIssue({ code: 'custom', path: ['discriminators'], message });
  });
export type DpoConfig = z.infer<typeof dpoConfigSchema>;

export const evaluateConfigSchema = z
  .strictObject({
    run,
    /** One, or a list: they are played and judged together. */
    character: z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(path).min(1)),
    model: decoder,
    personaTurn: z.enum(['user', 'model']).default('user'),
    /** The judge: not the discriminators that gave the reward. */
    judge: discriminators,
    /** Which relevance discriminator rag retrieves by. */
    retriever: path.optional(),
    /** Statements that rag retrieves. */
    topK: count.default(5),
    methods: z
      .array(
        z.strictObject({
          method: z.enum(METHODS),
          /** On before DPO: experience upload's adapter. */
          adapter: path.optional(),
          /** The adapter that DPO trained. */
          dpo: path.optional(),
        }),
      )
      .min(1),
    sampling: sampling.prefault({}),
    /** Replies per query and method. */
    samples: count.default(1),
    /** Resamples of the paired bootstrap. */
    bootstrap: count.default(2000),
  })
  .superRefine(({ methods, retriever }, context) => {
    const report = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    methods.forEach(({ method, adapter }, i) => {
      if (method === 'eu' && adapter === undefined) {
        report(
          ['methods', i, 'adapter'],
          'is missing: eu plays with the adapter that truecast train-eu writes',
        );
      }
      if (methods.findIndex((other) => other.method === method) < i) {
        report(['methods', i, 'method'], `${method} is listed twice: evaluate it in two runs`);
      }
    });
    if (retriever === undefined && methods.some(({ method }) => method === 'rag')) {
      report(['retriever'], 'is missing: rag retrieves by the relevance discriminator that it names');
    }
  });
export type EvaluateConfig = z.infer<typeof evaluateConfigSchema>;
