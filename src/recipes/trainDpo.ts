import { join } from 'node:path';
import { Agent } from '../agents/agent.js';
import { currentBackend } from '../backends/select.js';
import type { DpoConfig } from '../config/schema.js';
import { loadCharacter, type PairRow } from '../data/index.js';
import type { TokenizedPair } from '../dpo/pairs.js';
import { type ReferenceLogProbs, referenceLogProbs } from '../dpo/reference.js';
import { ReferenceCache } from '../dpo/referenceCache.js';
import { dpoTask } from '../dpo/task.js';
import { loadGemma } from '../models/decoders.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import type { Progress } from '../support/progress.js';
import { mean } from '../support/statistics.js';
import { train } from '../training/loop.js';
import type { RunFolder } from '../training/runFolder.js';
import { adapterHash, baseName, baseProvenance, saveProvenance, weightsHash } from './artifacts.js';
import { beginRun, type RecipeContext } from './begin.js';
import { minePairs } from './minePairs.js';
import type { LocatedModel } from './models.js';
import { attachAdapter, characterOf, loadScorer, loadTokenizer, noteCuts } from './parts.js';
import { keepPairs, readPairs } from './readyPairs.js';

export interface DpoResult {
  run: string;
  adapter: string;
  pairs: number;
  steps: number;
}

const REFERENCE = 'reference.json';
/** In the folder of all runs: a run on the same pairs with another loss, β or rank has the same reference. */
const REFERENCES = '.references';

/**
 * Trains a LoRA over a 4-bit model to prefer what is faithful to the whole persona: samples responses,
 * pairs them by APC, and optimises by DPO against the model as it began.
 */
export async function trainDpo(config: DpoConfig, context: RecipeContext): Promise<DpoResult> {
  const { progress } = context;
  const loaded = loadCharacter(config.character);
  const character = characterOf(loaded);
  const { seed } = config.run;
  const ready = config.pairs === undefined ? undefined : readPairs(config.pairs, character.id);
  const queries = loaded.queries.filter(({ split }) => split === 'train').slice(0, config.mining.queries);
  if (!ready && queries.length === 0) {
    throw new TruecastError(
      `${config.character} has no queries to sample responses to`,
      'add `queries` to it, or give ready-made pairs (--pairs FILE)',
    );
  }
  const needsScorer = !ready || config.agent.method === 'rag';
  const { relevance, nli } = (needsScorer ? config.discriminators : undefined) ?? {};
  const names = { models: [config.model.base, relevance, nli], adapters: [config.startAdapter] };
  const { folder, models } = await beginRun(config, names, context);
  const result = { run: folder.path, adapter: folder.file('adapter') };
  if (folder.has('result.json')) {
    progress.note(`${folder.path} is finished`);
    return folder.readJson('result.json') as DpoResult;
  }

  const base = models.get(config.model.base);
  const model = loadGemma(base.path, config.model);
  const start = config.startAdapter === undefined ? undefined : models.path(config.startAdapter);
  const adapter = attachAdapter(model, config.lora, seed, start);
  const judges = needsScorer ? { relevance: models.get(relevance!), nli: models.get(nli!) } : undefined;
  const scorer = judges && loadScorer(character, judges, progress);
  const agent = new Agent(
    character,
    model,
    loadTokenizer(base.path, model.config.vocab_size),
    config.agent,
    scorer?.relevance,
  );
  let rows: PairRow[];
  if (ready) {
    rows = ready;
    keepPairs(folder, ready, config.pairs!);
  } else {
    // all queries at once, fresh or resumed: retrieval makes the same batches, hence the same numbers
    const prompts = await agent.prompts(queries.map(({ text }) => [{ role: 'user', content: text }]));
    agent.checkRoom(prompts, config.mining.sampling.maxNewTokens);
    rows = await minePairs(agent, scorer!, queries, prompts, config, folder, progress);
  }
  if (scorer) noteCuts([scorer.relevance.discriminator, scorer.nli], progress);
  const pairs = await tokenizePairs(agent, rows, progress);

  const reference = await cachedReference(model, pairs, { config, base: base.path, start }, folder, progress);
  const task = dpoTask(model, pairs, reference, { ...config.training, ...config.dpo, seed });
  progress.note(`${pairs.length} pairs, ${task.totalSteps} steps`);
  await train(task, { ...config.training, seed }, folder, progress);

  adapter.save(result.adapter, { nameOrPath: baseName(base), task: 'CAUSAL_LM' });
  const reward = ready ? undefined : hashes(judges!);
  const { agent: options, model: held } = config;
  saveProvenance(result.adapter, {
    character: character.id,
    method: options.method,
    ...baseProvenance(base),
    quantization: held.quantization,
    reward,
  });
  writeFileAtomic(folder.file('report.md'), report(config, character.name, rows, folder));
  const summary: DpoResult = { ...result, pairs: pairs.length, steps: task.totalSteps };
  folder.writeJson('result.json', summary);
  model.dispose();
  scorer?.dispose();
  return summary;
}

async function tokenizePairs(
  agent: Agent,
  rows: readonly PairRow[],
  progress: Progress,
): Promise<TokenizedPair[]> {
  const prompts = await agent.prompts(rows.map(({ query }) => [{ role: 'user', content: query }]));
  const pairs = rows.map((row, i): TokenizedPair => {
    const { character, queryId, chosenScore, rejectedScore } = row;
    const id = `${character}/${queryId}`;
    return {
      id,
      prompt: prompts[i]!,
      chosen: agent.replyTokens(row.chosen),
      rejected: agent.replyTokens(row.rejected),
      gap: chosenScore === null || rejectedScore === null ? 0 : chosenScore - rejectedScore,
    };
  });
  const { maxLength } = agent.model;
  const longest = ({ prompt, chosen, rejected }: TokenizedPair) =>
    prompt.length + Math.max(chosen.length, rejected.length);
  const fitting = pairs.filter((pair) => longest(pair) <= maxLength);
  const dropped = pairs.length - fitting.length;
  if (fitting.length === 0) {
    throw new TruecastError(
      `all ${pairs.length} pairs are longer than the model's ${maxLength} tokens`,
      'shorten the persona, retrieve fewer statements (agent.topK), or take a model with a longer context',
    );
  }
  if (dropped > 0)
    progress.note(
      `warning: ${dropped} of ${pairs.length} pairs are left out: longer than ${maxLength} tokens`,
    );
  return fitting;
}

/**
 * The reference's log-probabilities: of the model as it begins, kept with the run, and beside the runs for others
 * on the same pairs.
 */
async function cachedReference(
  model: GemmaForCausalLM,
  pairs: readonly TokenizedPair[],
  { config, base, start }: { config: DpoConfig; base: string; start: string | undefined },
  folder: RunFolder,
  progress: Progress,
): Promise<ReferenceLogProbs[]> {
  if (!folder.has(REFERENCE)) {
    const { base: _name, ...held } = config.model;
    const reference = {
      weights: weightsHash(base),
      architecture: model.config,
      held,
      adapter: start === undefined ? null : adapterHash(start),
      backend: currentBackend(),
    };
    const known = ReferenceCache.open(join(config.run.directory, REFERENCES), reference, progress);
    const adapterOn = start !== undefined;
    folder.writeJson(REFERENCE, await referenceLogProbs(model, pairs, { adapterOn, known, progress }));
  }
  return folder.readJson(REFERENCE) as ReferenceLogProbs[];
}

function hashes(judges: { relevance: LocatedModel; nli: LocatedModel }): { relevance: string; nli: string } {
  return { relevance: weightsHash(judges.relevance.path), nli: weightsHash(judges.nli.path) };
}

function report(config: DpoConfig, name: string, pairs: readonly PairRow[], folder: RunFolder): string {
  const metrics = folder.metrics();
  const [first, last] = [metrics[0]!, metrics.at(-1)!];
  const shown = ['loss', 'rewards/chosen', 'rewards/rejected', 'rewards/margins', 'rewards/accuracies'];
  const lines = shown.map(
    (key) => `| ${key} | ${Number(first[key]).toFixed(4)} | ${Number(last[key]).toFixed(4)} |`,
  );
  const gaps = pairs.flatMap(({ chosenScore: a, rejectedScore: b }) =>
    a === null || b === null ? [] : [a - b],
  );
  const gap = gaps.length > 0 ? `, mean difference in APC ${mean(gaps).toFixed(3)}` : '';
  return `# ${config.run.name}

${name}, method ${config.agent.method}, ${config.model.base} (${config.model.quantization}), LoRA rank ${config.lora.rank}.
${pairs.length} preference pairs${gap}; loss ${config.dpo.loss}, β ${config.dpo.beta}, ${metrics.length} steps.

| | first step | last step |
|---|---|---|
${lines.join('\n')}

Whether the character is more faithful is not told by these numbers: \`truecast evaluate\` measures it on
held-out queries.
`;
}
