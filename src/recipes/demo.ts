import { join } from 'node:path';
import type { z } from 'zod';
import type { BackendName } from '../backends/select.js';
import { loadConfig } from '../config/load.js';
import { discriminatorConfigSchema, dpoConfigSchema, evaluateConfigSchema } from '../config/schema.js';
import { PACKAGE_ROOT } from '../support/version.js';
import type { RecipeContext } from './begin.js';
import { type EvaluateResult, evaluate } from './evaluate.js';
import { type DiscriminatorResult, trainDiscriminator } from './trainDiscriminator.js';
import { type DpoResult, trainDpo } from './trainDpo.js';

export interface DemoOptions {
  character: string;
  /** Where the runs go: relevance, nli, dpo and evaluate under it. */
  directory: string;
  backend: BackendName | 'auto';
}

export interface DemoResult {
  relevance: DiscriminatorResult;
  nli: DiscriminatorResult;
  dpo: DpoResult;
  evaluation: EvaluateResult;
}

/**
 * The main job on a shipped character with the shipped tiny models: both discriminators, pairs mined by APC,
 * a 4-bit LoRA trained by DPO, base against trained on held-out queries. Each step is a command of its own.
 */
export async function demo(
  { character, directory, backend }: DemoOptions,
  context: RecipeContext,
): Promise<DemoResult> {
  const { progress } = context;
  const shipped = (...parts: string[]) => join(PACKAGE_ROOT, ...parts);
  const config = <S extends z.ZodType>(
    name: string,
    schema: S,
    values: Record<string, unknown>,
  ): z.infer<S> =>
    loadConfig(shipped('configs', 'tiny', `${name}.yaml`), schema, {
      'run.name': name,
      'run.directory': directory,
      'run.backend': backend,
      ...values,
    });
  const encoder = { base: shipped('checkpoints', 'tiny-deberta'), characters: [character] };
  const decoder = { character, 'model.base': shipped('checkpoints', 'tiny-gemma') };

  progress.note('1/4 the relevance discriminator');
  const relevance = await trainDiscriminator(
    { ...config('relevance', discriminatorConfigSchema, encoder), task: 'relevance' },
    context,
  );
  progress.note('2/4 the NLI discriminator');
  const nli = await trainDiscriminator(
    { ...config('nli', discriminatorConfigSchema, encoder), task: 'nli' },
    context,
  );
  progress.note('3/4 preference pairs, and DPO on them');
  const reward = { relevance: relevance.model, nli: nli.model };
  const dpo = await trainDpo(config('dpo', dpoConfigSchema, { ...decoder, discriminators: reward }), context);
  progress.note('4/4 base against trained on held-out queries');
  const evaluation = await evaluate(
    config('evaluate', evaluateConfigSchema, {
      ...decoder,
      'judge.relevance': shipped('checkpoints', 'tiny-judge-relevance'),
      'judge.nli': shipped('checkpoints', 'tiny-judge-nli'),
      retriever: relevance.model,
      methods: [{ method: 'rag', dpo: dpo.adapter }],
    }),
    context,
  );
  return { relevance, nli, dpo, evaluation };
}
