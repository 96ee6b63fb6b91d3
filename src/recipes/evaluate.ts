import { Agent } from '../agents/agent.js';
import { Relevance } from '../apc/relevance.js';
import { ApcScorer } from '../apc/score.js';
import type { EvaluateConfig } from '../config/schema.js';
import { type LoadedCharacter, loadCharacter } from '../data/index.js';
import type { Discriminator } from '../discriminators/discriminator.js';
import { type ClassifierReport, evaluateDiscriminator } from '../discriminators/evaluate.js';
import { loadFormat } from '../discriminators/format.js';
import { labelledRows } from '../discriminators/rows.js';
import { methodMetrics, pairedDifferences } from '../evaluation/metrics.js';
import { judgedReplies, type Play } from '../evaluation/plays.js';
import type { ReplyRow } from '../evaluation/rows.js';
import {
  comparisonRows,
  type DpoEffect,
  effectSentences,
  type MethodResult,
  markdownTable,
} from '../evaluation/table.js';
import { loadGemma } from '../models/decoders.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { loadAdapter } from '../models/lora/load.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { percent, percentInterval } from '../support/numbers.js';
import type { Progress } from '../support/progress.js';
import { bootstrapInterval, mean } from '../support/statistics.js';
import { loadProvenance, weightsHash } from './artifacts.js';
import { beginRun, type RecipeContext } from './begin.js';
import type { Models } from './models.js';
import { characterOf, loadDiscriminator, loadTokenizer, noteCuts } from './parts.js';

export interface EvaluateResult {
  run: string;
  character: string;
  queries: number;
  methods: MethodResult[];
  /** The judges on the character's own annotated held-out rows; absent for a plain persona. */
  judges?: { relevance: ClassifierReport; nli: ClassifierReport };
  warnings: string[];
}

/** Plays held-out queries by each method, with and without DPO, and has a judge score the replies. */
export async function evaluate(config: EvaluateConfig, context: RecipeContext): Promise<EvaluateResult> {
  const { progress } = context;
  const characters = config.character.map((name) => {
    const loaded = loadCharacter(name);
    return { loaded, character: characterOf(loaded), queries: evaluationQueries(loaded, name) };
  });
  const ids = characters.map(({ character }) => character.id);
  const twice = ids.find((id, i) => ids.indexOf(id) < i);
  if (twice !== undefined) throw new TruecastError(`${twice} is listed twice`, 'name each character once');
  const names = {
    models: [config.model.base, config.judge.relevance, config.judge.nli, config.retriever],
    adapters: config.methods.flatMap(({ adapter, dpo }) => [adapter, dpo]),
  };
  const { folder, models } = await beginRun(config, names, context);
  if (folder.has('result.json')) {
    progress.note(`${folder.path} is finished`);
    return folder.readJson('result.json') as EvaluateResult;
  }

  const warnings = judgeWarnings(config, models, ids);
  for (const warning of warnings) progress.note(`warning: ${warning}`);

  const discriminators = {
    relevance: loadDiscriminator(models.get(config.judge.relevance), 'relevance'),
    nli: loadDiscriminator(models.get(config.judge.nli), 'nli'),
  };
  const base = models.path(config.model.base);
  const model = loadGemma(base, config.model);
  const retriever = config.retriever === undefined ? undefined : models.get(config.retriever);
  // a judge that retrieves as well tells relevance once for both
  const separate =
    retriever && retriever.path !== models.path(config.judge.relevance)
      ? loadDiscriminator(retriever, 'relevance')
      : undefined;
  const tokenizer = loadTokenizer(base, model.config.vocab_size);
  const cast = characters.map(({ character, ...rest }) => {
    const relevance = new Relevance(character, discriminators.relevance, progress);
    const retrieval = separate ? new Relevance(character, separate, progress) : relevance;
    return { ...rest, character, retrieval, judge: new ApcScorer(relevance, discriminators.nli, progress) };
  });
  const texts = (queries: readonly EvaluationQuery[]) => queries.map(({ text }) => text);
  const wear = (adapter: string | undefined) => useAdapter(model, adapter);
  const path = (adapter: string | undefined) => (adapter === undefined ? undefined : models.path(adapter));
  const plays: Play[] = [];
  // what cannot be played is said at once, not after hours of playing the rest
  for (const entry of config.methods) {
    for (const adapter of [entry.adapter, entry.dpo]) wear(path(adapter));
    for (const { character, queries, retrieval, judge } of cast) {
      const options = { method: entry.method, personaTurn: config.personaTurn, topK: config.topK };
      const agent = new Agent(character, model, tokenizer, options, retrieval);
      const prompts = await agent.prompts(texts(queries).map((content) => [{ role: 'user', content }]));
      agent.checkRoom(prompts, config.sampling.maxNewTokens);
      const played = queries.map((query, i) => ({ ...query, prompt: prompts[i]! }));
      plays.push({ agent, judge, adapter: path(entry.adapter), dpo: false, queries: played });
      if (entry.dpo) plays.push({ agent, judge, adapter: path(entry.dpo), dpo: true, queries: played });
    }
  }
  // of all queries at once, fresh or resumed: the same batches give the same numbers
  await Relevance.learn(
    cast.map(({ judge, queries }) => ({ relevance: judge.relevance, queries: texts(queries) })),
    progress,
  );
  const reports = await judgeReports(
    discriminators,
    cast.map(({ loaded }) => loaded),
    progress,
  );

  const { samples, sampling, run } = config;
  const options = { samples, sampling, seed: run.seed, folder: folder.file('replies'), wear, progress };
  const replies = await judgedReplies(plays, options);
  const methods = config.methods.map(({ method, dpo }) => {
    const of = (after: boolean) =>
      replies.flat().filter((reply) => reply.method === method && reply.dpo === after);
    const result: MethodResult = { method, before: methodMetrics(of(false)) };
    if (dpo) {
      result.after = methodMetrics(of(true));
      result.effect = dpoEffect(of(false), of(true), config);
    }
    return result;
  });

  noteCuts([discriminators.relevance, discriminators.nli], progress);
  const result: EvaluateResult = {
    run: folder.path,
    character: characters.map(({ character }) => character.name).join(', '),
    queries: characters.reduce((sum, { queries }) => sum + queries.length, 0),
    methods,
    warnings,
    ...(reports ? { judges: reports } : {}),
  };
  writeFileAtomic(folder.file('report.md'), report(config, result));
  folder.writeJson('result.json', result);
  model.dispose();
  for (const { judge, retrieval } of cast) {
    judge.dispose();
    retrieval.dispose();
  }
  return result;
}

interface EvaluationQuery {
  queryId: string;
  text: string;
}

function evaluationQueries(loaded: LoadedCharacter, from: string): EvaluationQuery[] {
  const heldOut = loaded.queries.filter(({ split }) => split === 'held-out');
  // a plain persona's queries trained nothing that truecast knows of: all are held out
  const queries = heldOut.length > 0 ? heldOut : loaded.queries;
  if (queries.length === 0) throw new TruecastError(`${from} has no held-out queries`, 'add queries to it');
  return queries.map(({ queryId, text }) => ({ queryId, text }));
}

/** A judge that gave the reward, or learnt from this character's rows, proves little: says so. */
function judgeWarnings(
  { judge, methods }: EvaluateConfig,
  models: Models,
  characters: readonly string[],
): string[] {
  const warnings: string[] = [];
  const hashes = {
    relevance: weightsHash(models.path(judge.relevance)),
    nli: weightsHash(models.path(judge.nli)),
  };
  for (const { method, dpo } of methods) {
    const reward = dpo ? loadProvenance(models.path(dpo))?.reward : undefined;
    for (const task of ['relevance', 'nli'] as const) {
      if (reward?.[task] === hashes[task]) {
        warnings.push(
          `the ${task} judge is the discriminator that gave ${method}'s reward: its verdict is circular`,
        );
      }
    }
  }
  for (const task of ['relevance', 'nli'] as const) {
    const { path, repository } = models.get(judge[task]);
    const { trainedOn } = loadFormat(path, repository);
    const known = characters.filter((character) => trainedOn?.characters.includes(character));
    if (known.length > 0) warnings.push(`the ${task} judge was trained on rows of ${known.join(', ')}`);
  }
  return warnings;
}

/** The judges on the annotated rows of the characters that have some. */
async function judgeReports(
  { relevance, nli }: { relevance: Discriminator; nli: Discriminator },
  characters: readonly LoadedCharacter[],
  progress: Progress,
): Promise<EvaluateResult['judges']> {
  const annotated = characters.filter((loaded) => loaded.relevance && loaded.nli);
  if (annotated.length === 0) return undefined;
  const of = (discriminator: Discriminator, task: 'relevance' | 'nli') => {
    const rows = annotated.flatMap((loaded) => labelledRows(loaded, task, 'held-out'));
    return evaluateDiscriminator(discriminator, rows, progress);
  };
  return { relevance: await of(relevance, 'relevance'), nli: await of(nli, 'nli') };
}

function useAdapter(model: GemmaForCausalLM, folder: string | undefined): void {
  model.adapter?.dispose();
  model.adapter = folder === undefined ? undefined : loadAdapter(folder, model.linearLayers());
}

function dpoEffect(before: ReplyRow[], after: ReplyRow[], { bootstrap, run }: EvaluateConfig): DpoEffect {
  const deltas = pairedDifferences(before, after, ({ delta }) => delta);
  const violations = pairedDifferences(before, after, (reply) => 100 * reply.violations);
  return {
    delta: mean(deltas),
    interval: bootstrapInterval(deltas, bootstrap, run.seed),
    violationsPer100: mean(violations),
    violationsInterval: bootstrapInterval(violations, bootstrap, run.seed),
    lengthRatio: methodMetrics(after).meanLength / methodMetrics(before).meanLength,
  };
}

function report(
  config: EvaluateConfig,
  { character, queries, methods, judges, warnings }: EvaluateResult,
): string {
  const judged = judges
    ? `On ${character}'s annotated held-out rows the judges are right on ${percent(judges.relevance.accuracy)} ` +
      `(${percentInterval(judges.relevance.interval)}) for relevance and ${percent(judges.nli.accuracy)} ` +
      `(${percentInterval(judges.nli.interval)}) for entailment; always giving the most frequent answer, on ` +
      `${percent(judges.relevance.majority)} and ${percent(judges.nli.majority)}.\n\n`
    : '';
  return `# ${config.run.name}

${character}: ${queries} held-out queries, ${config.samples} replies each. Base ${config.model.base}
(${config.model.quantization}), judges ${config.judge.relevance} and ${config.judge.nli}.

${markdownTable(comparisonRows(methods))}

${effectSentences(methods)
  .map((sentence) => `- ${sentence}`)
  .join('\n')}

${judged}${warnings.map((warning) => `**Warning:** ${warning}.\n`).join('')}
ΔAPC = active − passive: what a reply says of what was asked, less what it says against the rest of the
persona. Intervals are 95 %, by ${config.bootstrap} paired bootstrap resamples of the queries. Every reply and
each statement's part is in \`replies/\`.
`;
}
